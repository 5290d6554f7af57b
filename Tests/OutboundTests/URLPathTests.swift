import Foundation
import Outbound
import Testing

@Suite struct URLPathTests {
    @Test(arguments: [
        ("o-1", "o-1"), ("a b", "a%20b"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", ".."), ("ü", "%C3%BC"), ("", ""),
        ("%41", "%2541"), ("a+b&c=d", "a%2Bb%26c%3Dd"), ("\u{0}\n\u{7F}", "%00%0A%7F"), ("~_-.", "~_-."),
    ]) func onlyUnreservedCharactersStayAsTheyAre(text: String, expected: String) {
        #expect(URLPath.segment(text) == expected)
        #expect(URLPath.segment(text).removingPercentEncoding == text)
    }
}
