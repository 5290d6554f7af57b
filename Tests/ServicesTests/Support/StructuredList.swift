import Foundation

/// A List of Structured Fields (RFC 9651 §4.2.1) whose members are Items, read as strictly as §4.2 says. Only what quotas
/// are said in: Strings, Integers and Byte Sequences.
struct StructuredList: Equatable {
    enum Value: Equatable {
        case string(String)
        case integer(Int)
        case bytes([UInt8])
    }

    struct Item: Equatable {
        let value: Value
        /// In order; of one that repeats the last counts.
        var parameters: [String: Value] = [:]
    }

    struct Malformed: Error {
        let rest: String
    }

    var items: [Item] = []

    init(_ text: String) throws {
        var rest = Substring(text)
        rest = rest.drop { $0 == " " }
        while !rest.isEmpty {
            items.append(try Self.item(&rest))
            rest = rest.drop { $0 == " " || $0 == "\t" }
            if rest.isEmpty { return }
            guard rest.popFirst() == "," else { throw Malformed(rest: String(rest)) }
            rest = rest.drop { $0 == " " || $0 == "\t" }
            if rest.isEmpty { throw Malformed(rest: ", at the end") }
        }
    }

    private static func item(_ rest: inout Substring) throws -> Item {
        var item = Item(value: try bare(&rest))
        while rest.first == ";" {
            rest.removeFirst()
            rest = rest.drop { $0 == " " }
            let key = rest.prefix { $0.isASCII && ($0.isLowercase || $0.isNumber || "_-.*".contains($0)) }
            guard let first = key.first, first.isLowercase || first == "*" else { throw Malformed(rest: String(rest)) }
            rest = rest[key.endIndex...]
            guard rest.popFirst() == "=" else { throw Malformed(rest: "\(key) is no Boolean") }
            item.parameters[String(key)] = try bare(&rest)
        }
        return item
    }

    private static func bare(_ rest: inout Substring) throws -> Value {
        switch rest.first {
        case "\"":
            rest.removeFirst()
            var text = ""
            while let character = rest.popFirst() {
                switch character {
                case "\"": return .string(text)
                case "\\":
                    guard let escaped = rest.popFirst(), "\"\\".contains(escaped) else { break }
                    text.append(escaped)
                case " "..."~": text.append(character)
                default: throw Malformed(rest: String(rest))
                }
            }
        case ":":
            rest.removeFirst()
            if let end = rest.firstIndex(of: ":"), let data = Data(base64Encoded: String(rest[..<end])) {
                rest = rest[rest.index(after: end)...]
                return .bytes(Array(data))
            }
        default:
            let sign = rest.first == "-" ? "-" : ""
            let digits = rest.dropFirst(sign.count).prefix { $0.isASCII && $0.isNumber }
            if (1...15).contains(digits.count), let number = Int(sign + digits) {
                rest = rest[digits.endIndex...]
                if rest.first != "." { return .integer(number) }
            }
        }
        throw Malformed(rest: String(rest))
    }
}
