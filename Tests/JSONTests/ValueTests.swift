import JSON
import Testing

@Suite struct ValueTests {
    @Test func keepsOrderAndDigits() throws {
        let text = #"{"z":1.10,"a":[true,null,"x"],"m":{"b":-0,"a":1E400}}"#
        let value = try JSONValue(parsing: text)
        #expect(value.description == text)
        #expect(value["z"]?.number?.text == "1.10")
        #expect(value["a"]?[2]?.string == "x")
        #expect(value["a"]?[0]?.bool == true)
        #expect(value["a"]?[1]?.isNull == true)
        #expect(value["m"]?["b"]?.int64 == 0)
        #expect(value.object?.members.map(\.name) == ["z", "a", "m"])
        #expect(value["a"]?[3] == nil && value["a"]?[-1] == nil && value["q"] == nil && value[0] == nil)
        #expect(value["a"]?.array?.count == 3)
    }

    @Test func literals() {
        let value: JSONValue = ["b": [1, "x", true, nil], "a": ["c": -7]]
        #expect(value.description == #"{"b":[1,"x",true,null],"a":{"c":-7}}"#)
        #expect(value == ["a": ["c": -7], "b": [1, "x", true, nil]])
    }

    @Test func equalityIgnoresOrderOnlyInObjects() throws {
        let one = try JSONValue(parsing: #"{"a":1,"b":{"c":[1,2],"d":null}}"#)
        let other = try JSONValue(parsing: #"{"b":{"d":null,"c":[1,2]},"a":1}"#)
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(Set([one, other]).count == 1)
        for different in [
            #"{"a":1,"b":{"c":[2,1],"d":null}}"#, #"{"a":1.0,"b":{"c":[1,2],"d":null}}"#, #"{"a":1,"b":{"c":[1,2]}}"#,
            #"{"a":1}"#,
            #"{"a":1,"c":{"c":[1,2],"d":null}}"#,
        ] {
            #expect(try JSONValue(parsing: different) != one)
        }
    }

    @Test func objectsAreEdited() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = 3
        object["c"] = 4
        object["b"] = .none
        #expect(JSONValue.object(object).description == #"{"a":3,"c":4}"#)
        object["a"] = .some(.null)
        #expect(object["a"]?.isNull == true)
        #expect(object["d"] == nil)
    }

    @Test func numbersAreChecked() {
        for text in ["0", "-1", "1.50", "1e5", "-0"] { #expect(JSONNumber(text)?.text == text) }
        for text in ["", "01", "1.", "+1", " 1", "1 ", "1,2", "NaN", "0x1", "\"1\"", "1\n"] {
            #expect(JSONNumber(text) == nil)
        }
        #expect(JSONNumber(-5).int64 == -5)
        #expect(JSONNumber("5.0")?.int64 == nil)
        #expect(JSONNumber("9223372036854775808")?.int64 == nil)
        #expect(JSONNumber("0.5")?.double == 0.5)
    }
}
