import JSON
import Testing

/// Objects whose members are known beforehand: read as any other object is.
@Suite struct MemberNamesTests {
    private static let many = (0..<70).map { "m\($0)" }
    private static let names = MemberNames(["orderId", "order", "a\"b", "é", ""] + many)

    private struct Unknown: Error, Equatable, JSONLocated { var pointer = "" }

    /// Names and values, by both ways.
    private func members(_ text: String, known: Bool) -> Result<[String], any Error> {
        var found: [String] = []
        return Result {
            try read(text) { reader in
                if known {
                    try reader.readMembers(of: Self.names, unknown: Unknown()) { place, reader in
                        found.append("\(Self.names.names[place])=\(try reader.readInt64())")
                    }
                } else {
                    try reader.readObject { key, reader in
                        guard Self.names.names.contains(key.string) else { throw Unknown() }
                        found.append("\(key.string)=\(try reader.readInt64())")
                    }
                }
            }
            return found
        }
    }

    private static func object(_ names: [String]) -> String {
        "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
    }

    private static let texts: [String] = [
        "{}", " { } ", #"{"orderId":1,"order":2}"#, #"{"order":2,"orderId":1}"#, #"{ "orderId" : 1 , "order" : 2 }"#,
        #"{"a\"b":1,"é":2,"":3}"#, #"{"a\u0022b":1,"\u00e9":2,"\u006frder":3}"#, object(many), object(many.reversed()),
        #"{"order":1,"order":2}"#, #"{"order":1,"ord\u0065r":2}"#, #"{"m69":1,"m1":1,"m69":2}"#,
        #"{"m69":1,"m69":2}"#, #"{"orders":1}"#, #"{"orderI":1}"#, #"{"x":1}"#, #"{"order":"1"}"#, #"{"order":1.5}"#,
        #"{"order"}"#, #"{"order":}"#, #"{"order":1"#, #"{"order":1,}"#, #"{"order":1,"#, #"{"ord"#, #"{"order":"#,
        #"{"order" 1}"#, #"{order:1}"#, "{", "", "[]", #"{"order":1}{"#, #"{"order":1;"m1":2}"#, #"{"ord\xer":1}"#,
    ]

    @Test(arguments: texts)
    func membersAreThoseOfTheObject(_ text: String) {
        switch (members(text, known: true), members(text, known: false)) {
        case (.success(let one), .success(let other)): #expect(one == other)
        case (.failure(let one as JSONError), .failure(let other as JSONError)): #expect(one == other)
        case (.failure(let one as Unknown), .failure(let other as Unknown)): #expect(one == other)
        case (let one, let other): Issue.record("\(one) and \(other)")
        }
    }
}
