/// Finds the records of a stream, which is JSON lines (a record a line, empty lines passed over) or one JSON array (a
/// record an element), as its bytes arrive.
///
/// The caller keeps what wasn't consumed and comes again with more behind it, so that no more than one record is ever
/// held. Records are cut out and not judged: that is the business of who reads them, by `JSONReader`. Only what leaves
/// open where the next record begins breaks the whole text.
public struct RecordSplitter: Sendable {
    public enum Form: Sendable { case lines, array }

    public enum Step {
        /// The bytes of the next record, white space around them perhaps; inside those that were given.
        case record(UnsafeRawBufferPointer)
        /// A record with more bytes than the limit was passed over.
        case tooLong
        /// Everything that is here was looked at.
        case needsMore
        /// No record follows.
        case end
        /// It can't be known where the next record begins.
        case broken(StaticString)
    }

    private enum Place { case beforeArray, firstElement, element, nextElement, afterArray }

    private let form: Form
    private let limit: Int
    /// Bytes of the record that has begun and were looked at.
    private var scanned = 0
    /// The record that has begun is too long, and its bytes are dropped as they come.
    private var isSkipping = false
    private var place = Place.beforeArray
    private var isInString = false
    private var isEscaped = false
    /// Brackets that are open within the element.
    private var depth = 0
    /// What the innermost 64 of the first 64 open brackets are: 1 is an object.
    private var objects: UInt64 = 0

    /// - Parameter limit: bytes of a record.
    public init(_ form: Form, limit: Int) {
        self.form = form
        self.limit = limit
    }

    /// Looks for the next record.
    ///
    /// - Parameters:
    ///   - bytes: from the first one that wasn't consumed.
    ///   - isLast: whether nothing will follow them.
    ///   - consumed: is set to how many the caller has done with; after `record` its own are among them.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, isLast: Bool, consumed: inout Int) -> Step {
        consumed = 0
        switch form {
        case .lines: return nextLine(bytes, isLast, &consumed)
        case .array: return nextElement(bytes, isLast, &consumed)
        }
    }

    /// The record that begins at `start` has no end yet: its bytes stay with the caller, but for one that is too long.
    private mutating func hold(_ bytes: UnsafeRawBufferPointer, from start: Int, _ consumed: inout Int) -> Step {
        if isSkipping || bytes.count - start > limit {
            isSkipping = true
            scanned = 0
            consumed = bytes.count
        } else {
            scanned = bytes.count - start
            consumed = start
        }
        return .needsMore
    }

    // MARK: Lines

    private mutating func nextLine(_ bytes: UnsafeRawBufferPointer, _ isLast: Bool, _ consumed: inout Int) -> Step {
        var start = 0
        while true {
            let newline = bytes[(start + scanned)...].firstIndex(of: 0x0A)
            guard let end = newline ?? (isLast ? bytes.count : nil) else {
                return hold(bytes, from: start, &consumed)
            }
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            consumed = min(end + 1, bytes.count)
            scanned = 0
            if isSkipping || line.count > limit {
                isSkipping = false
                return .tooLong
            }
            if line.contains(where: { !Self.isSpace($0) }) { return .record(line) }
            if newline == nil { return .end }
            start = end + 1
        }
    }

    // MARK: Elements

    private mutating func nextElement(_ bytes: UnsafeRawBufferPointer, _ isLast: Bool, _ consumed: inout Int) -> Step {
        var position = 0
        while place != .element {
            while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
            consumed = position
            guard position < bytes.count else {
                guard isLast else { return .needsMore }
                return place == .afterArray ? .end : .broken("the array isn't closed")
            }
            switch (place, bytes[position]) {
            case (.beforeArray, UInt8(ascii: "[")):
                place = .firstElement
                position += 1
            case (.beforeArray, _): return .broken("an array has to begin with [")
            case (.firstElement, UInt8(ascii: "]")):
                place = .afterArray
                position += 1
            case (.afterArray, _): return .broken("something follows the array")
            case (_, UInt8(ascii: ",")), (_, UInt8(ascii: "]")): return .broken("an element of the array is missing")
            default:
                place = .element
                scanned = 0
            }
        }
        return restOfElement(bytes, from: position, isLast, &consumed)
    }

    private mutating func restOfElement(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ isLast: Bool, _ consumed: inout Int
    ) -> Step {
        var position = start + scanned
        while position < bytes.count {
            let byte = bytes[position]
            if depth == 0, !isInString, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") {
                place = byte == UInt8(ascii: ",") ? .nextElement : .afterArray
                consumed = position + 1
                scanned = 0
                if isSkipping || position - start > limit {
                    isSkipping = false
                    return .tooLong
                }
                return .record(UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
            }
            guard pass(byte) else { return .broken("brackets don't match") }
            position += 1
        }
        return isLast ? .broken("the array isn't closed") : hold(bytes, from: start, &consumed)
    }

    /// False for a bracket that closes none, or one of the other kind.
    private mutating func pass(_ byte: UInt8) -> Bool {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return true
        }
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if depth < 64 {
                let bit: UInt64 = 1 << UInt64(depth)
                objects = byte == UInt8(ascii: "{") ? objects | bit : objects & ~bit
            }
            depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard depth > 0 else { return false }
            depth -= 1
            if depth < 64 { return (objects >> UInt64(depth)) & 1 == (byte == UInt8(ascii: "}") ? 1 : 0) }
        default: break
        }
        return true
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
}
