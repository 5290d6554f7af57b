import JSON
import Testing

@Suite struct ReaderTests {
    @Test func readsAnOrder() throws {
        var user = ""
        var items: [(String, Int64)] = []
        var total = ""
        try read(
            #" {"userId" : "alice", "x": [{"y":{}}], "items":[{"sku":"ABC","qty":2}, {"qty":-3,"sku":""}],"total":49.990 } "#
        ) {
            try $0.readObject { key, reader in
                if key == "userId" {
                    user = try reader.readString()
                } else if key == "items" {
                    try reader.readArray { index, reader in
                        #expect(index == items.count)
                        var sku = ""
                        var quantity: Int64 = 0
                        try reader.readObject { key, reader in
                            if key == "sku" { sku = try reader.readString() }
                            if key == "qty" { quantity = try reader.readInt64() }
                        }
                        items.append((sku, quantity))
                    }
                } else if key == "total" {
                    total = try reader.readNumberText()
                } else {
                    try reader.skipValue()
                }
            }
        }
        #expect(user == "alice")
        #expect(items.map(\.0) == ["ABC", ""])
        #expect(items.map(\.1) == [2, -3])
        #expect(total == "49.990")
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("7", 7), ("-1", -1), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            (" 5 ", 5),
        ] as [(String, Int64)])
    func readsWholeNumbers(_ text: String, _ value: Int64) throws {
        #expect(try read(text) { try $0.readInt64() } == value)
    }

    @Test(arguments: [
        "2.0", "1e2", "1E2", "0.5", "-0.0", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
        "\"1\"", "true", "null",
        "[]", "{}",
    ])
    func refusesWhatIsNoWholeNumber(_ text: String) throws {
        let error = try #require(throws: JSONError.self) { try read(text) { try $0.readInt64() } }
        #expect(error.isWrongType)
        #expect(error.offset == 0)
        // It may still be read as what it is.
        let skipped: Void? = try? read(text) { reader in
            _ = try? reader.readInt64()
            try reader.skipValue()
        }
        #expect(skipped != nil)
    }

    @Test func tellsWrongTypesInWords() {
        func reason(_ text: String, _ body: (inout JSONReader) throws -> Void) -> String? {
            do {
                try read(text, body)
                return nil
            } catch {
                return (error as? JSONError).flatMap { $0.isWrongType ? $0.reason : "malformed: \($0.reason)" }
            }
        }
        #expect(reason("1") { _ = try $0.readString() } == "must be a string, not a number")
        #expect(reason("[]") { try $0.readObject { _, _ in } } == "must be an object, not an array")
        #expect(reason("{}") { try $0.readArray { _, _ in } } == "must be an array, not an object")
        #expect(reason("null") { _ = try $0.readBool() } == "must be true or false, not null")
        #expect(reason("true") { _ = try $0.readNumberText() } == "must be a number, not true or false")
        #expect(reason("\"1\"") { try $0.readNull() } == "must be null, not a string")
        #expect(reason("") { _ = try $0.readString() } == "malformed: ends too early")
        #expect(reason("?") { _ = try $0.readInt64() } == "malformed: expected a value")
        #expect(reason("2.0") { _ = try $0.readInt64() } == "must be a whole number")
    }

    @Test func readsScalars() throws {
        #expect(try read("true") { try $0.readBool() })
        #expect(try !read(" false ") { try $0.readBool() })
        #expect(try read("null") { try $0.readIfNull() })
        #expect(
            try !read("1") { reader in
                let isNull = try reader.readIfNull()
                try reader.skipValue()
                return isNull
            })
        try read(" null") { try $0.readNull() }
        #expect(try read("-1.50e2") { Array(try $0.readNumberBytes()) } == Array("-1.50e2".utf8))
        #expect(throws: JSONError.self) { try read("nil") { try $0.readIfNull() } }
    }

    @Test(
        arguments: [
            ("{}", .object), (" []", .array), ("\"", .string), ("-", .number), ("0", .number), ("t", .bool),
            ("f", .bool), ("n", .null), ("", .end),
            ("  ", .end), ("]", .invalid), ("x", .invalid),
        ] as [(String, JSONKind)])
    func peeksAtTheKind(_ text: String, _ kind: JSONKind) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            #expect(reader.peekKind() == kind)
        }
    }

    @Test func passesValuesOnAsTheyAre() throws {
        let payload = try read(#"{"a": 1, "payload" :  {"x" : [1, "\u00e9" ,2.50]}  ,"b":2}"#) { reader in
            var payload: [UInt8] = []
            try reader.readObject { key, reader in
                if key == "payload" { payload = Array(try reader.rawValue()) } else { try reader.skipValue() }
            }
            return payload
        }
        #expect(String(decoding: payload, as: UTF8.self) == #"{"x" : [1, "\u00e9" ,2.50]}"#)
        #expect(throws: JSONError.self) { try read(#"{"x":[1,}"#) { Array(try $0.rawValue()) } }
    }

    @Test func limitsElements() throws {
        func count(_ text: String, limit: Int) throws -> Int {
            var count = 0
            try read(text) { reader in
                try reader.readObject { _, reader in
                    try reader.readArray(limit: limit) { _, reader in
                        count += 1
                        try reader.skipValue()
                    }
                }
            }
            return count
        }
        #expect(try count(#"{"a":[1,2,3]}"#, limit: 3) == 3)
        #expect(try count(#"{"a":[]}"#, limit: 0) == 0)
        let error = #expect(throws: JSONError.self) { try count(#"{"a":[1,2,3,4]}"#, limit: 3) }
        #expect(error == JSONError(reason: "must have at most 3 elements", offset: 5, pointer: "/a", isWrongType: true))
    }

    @Test func limitsStrings() throws {
        #expect(try read(#""aé""#) { try $0.readString(limit: 3) } == "aé")
        #expect(try read(#""\u00e9""#) { try $0.readString(limit: 2) } == "é")
        let error = #expect(throws: JSONError.self) { try read(#" "aé""#) { try $0.readString(limit: 2) } }
        #expect(error == JSONError(reason: "must have at most 2 bytes", offset: 1, isWrongType: true))
    }

    @Test func namesCompareWithoutAndWithEscapes() throws {
        try read(#"{"userId":1,"user\u0049d2":2,"é":3,"":4}"#) { reader in
            try reader.readObject { key, reader in
                switch try reader.readInt64() {
                case 1: #expect(key == "userId" && !(key == "userI") && !(key == "userIdx") && !(key == "userid"))
                case 2: #expect(key == "userId2" && !(key == "userId") && key.string == "userId2")
                case 3: #expect(key == "\u{e9}" && !(key == "e\u{301}") && !(key == ""))
                default: #expect(key == "" && !(key == "a") && key.string.isEmpty)
                }
            }
        }
        try read(#"{"\u00e9":1}"#) { reader in
            try reader.readObject { key, reader in
                #expect(key == "\u{e9}" && !(key == "e\u{301}"))
                try reader.skipValue()
            }
        }
    }

    /// A decoder that forgets a value must not make the reader accept more.
    @Test func aValueThatNobodyReadIsAnError() {
        for text in [#"{"a":1}"#, #"{"a":{}}"#, #"{"a":[1]}"#, #"{"a":"x"}"#, #"{"a":null}"#] {
            #expect(throws: JSONError.self) { try read(text) { try $0.readObject { _, _ in } } }
        }
        #expect(throws: JSONError.self) { try read("[1]") { try $0.readArray { _, _ in } } }
    }
}
