import Testing

@testable import Bench

@Suite struct AnswerScannerTests {
    private static let answer = Array(
        "HTTP/1.1 201 Created\r\nDate: x\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello".utf8)

    @Test func findsTheEndOfAnAnswer() {
        #expect(scan(Self.answer) == .complete(status: 201, length: Self.answer.count))
        #expect(scan(Self.answer + Array("HTTP".utf8)) == .complete(status: 201, length: Self.answer.count))
    }

    @Test func waitsForTheRest() {
        for length in 0..<Self.answer.count { #expect(scan(Array(Self.answer[..<length])) == .incomplete) }
    }

    @Test func refusesWhatIsNoAnswer() {
        #expect(scan(Array("HTTP/1.1 abc Created\r\nContent-Length: 5\r\n\r\nhello".utf8)) == .strange)
        #expect(scan(Array("HTTP/1.1 201 Created\r\nX-Length: 5\r\n\r\nhello".utf8)) == .strange)
        #expect(scan(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)) == .complete(status: 204, length: 27))
    }

    private func scan(_ bytes: [UInt8]) -> AnswerScanner.Outcome { bytes.withUnsafeBytes { AnswerScanner.scan($0) } }
}
