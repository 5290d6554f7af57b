/// RFC 6901: where in a document a value is.
@usableFromInline
enum JSONPointer {
    /// The error with one more token in front of its pointer. Errors of decoders take part by `JSONLocated`.
    @usableFromInline
    static func prefixed(_ error: any Error, _ token: String) -> any Error {
        guard var located = error as? any JSONLocated else { return error }
        located.pointer = "/" + escaped(token) + located.pointer
        return located
    }

    static func escaped(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        return token.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

/// An error that says where in a document it is. Thrown inside `readObject` and `readArray` with a pointer relative to
/// the value there (empty: the value itself), it comes out with the whole one.
public protocol JSONLocated: Error {
    var pointer: String { get set }
}

extension JSONError: JSONLocated {}

extension JSONReader {
    /// The RFC 6901 pointer to the value that is read next, or has just been read: for errors that don't take part by
    /// `JSONLocated`. Walks the text from its beginning, so that reading doesn't have to keep count.
    public var pointer: String {
        var path: [Level] = []
        var index = 0
        while index < position {
            switch byte(index) {
            case UInt8(ascii: "{"): path.append(.object(name: nil))
            case UInt8(ascii: "["): path.append(.array(index: 0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = path.popLast()
            case UInt8(ascii: ","):
                if case .array(let element) = path.popLast() {
                    path.append(.array(index: element + 1))
                } else {
                    path.append(.object(name: nil))
                }
            case UInt8(ascii: "\""):
                let end = endOfString(index)
                if end < position, case .object(name: nil) = path.last {
                    path[path.count - 1] = .object(name: (index + 1)..<end)
                }
                index = end
            default: break
            }
            index += 1
        }
        return path.reduce(into: "") { pointer, level in
            switch level {
            case .array(let index): pointer += "/\(index)"
            case .object(name: nil): break
            case .object(let name?):
                let content = UnsafeRawBufferPointer(start: base + name.lowerBound, count: name.count)
                pointer += "/" + JSONPointer.escaped(JSONKey(content: content, escaped: true).string)
            }
        }
    }

    private enum Level {
        case array(index: Int)
        /// The range of the current member's name, once there is one.
        case object(name: Range<Int>?)
    }

    /// The closing quote, or `position` when the string isn't passed over yet.
    private func endOfString(_ start: Int) -> Int {
        var index = start + 1
        while index < position, byte(index) != UInt8(ascii: "\"") {
            index += byte(index) == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index, position)
    }
}
