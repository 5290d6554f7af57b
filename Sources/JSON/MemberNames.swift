/// The names that an object's members may have, laid out for being told where they stand in a text.
///
/// `@unchecked Sendable`: the bytes are written by `init`, never again, and freed by `deinit`.
@usableFromInline
package final class MemberNames: @unchecked Sendable {
    @usableFromInline package let names: [String]
    private let utf8: [[UInt8]]
    /// `"name":`, one behind the other.
    @usableFromInline let text: UnsafeRawBufferPointer
    /// Where each of them begins in `text`, and where the last one ends.
    @usableFromInline let bounds: UnsafeBufferPointer<Int>

    package init(_ names: [String]) {
        self.names = names
        utf8 = names.map { Array($0.utf8) }
        var text: [UInt8] = []
        var bounds = [0]
        for name in names {
            JSONWriter.append(name, to: &text)
            text.append(UInt8(ascii: ":"))
            bounds.append(text.count)
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        copy.copyBytes(from: text)
        self.text = UnsafeRawBufferPointer(copy)
        let ends = UnsafeMutableBufferPointer<Int>.allocate(capacity: bounds.count)
        _ = ends.initialize(from: bounds)
        self.bounds = UnsafeBufferPointer(ends)
    }

    deinit {
        text.deallocate()
        bounds.deallocate()
    }

    /// `"name":`, as our writers write it. Valid while the names are.
    package func member(_ place: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[bounds[place]..<bounds[place + 1]])
    }

    /// The place of the name with which `bytes` begin, written as our writers do, and the bytes that it takes with its
    /// colon. Names before `first` aren't looked at: members nearly always come in their order.
    @inlinable @inline(__always)
    func leading(_ bytes: UnsafeRawBufferPointer, from first: Int) -> (place: Int, length: Int)? {
        var place = first
        while place &+ 1 < bounds.count {
            let start = bounds[place]
            let length = bounds[place &+ 1] &- start
            if length <= bytes.count, Self.isEqual(text, start, bytes, length) { return (place, length) }
            place &+= 1
        }
        return nil
    }

    /// - Parameter length: that both have, the one from `start` on.
    @inlinable @inline(__always)
    static func isEqual(
        _ one: UnsafeRawBufferPointer, _ start: Int, _ other: UnsafeRawBufferPointer, _ length: Int
    ) -> Bool {
        var index = 0
        while index &+ 8 <= length {
            let left = one.loadUnaligned(fromByteOffset: start &+ index, as: UInt64.self)
            guard left == other.loadUnaligned(fromByteOffset: index, as: UInt64.self) else { return false }
            index &+= 8
        }
        while index < length {
            guard one[start &+ index] == other[index] else { return false }
            index &+= 1
        }
        return true
    }

    fileprivate func place(of key: JSONKey) -> Int? {
        utf8.firstIndex { key.isEqual(to: $0) }
    }
}

extension JSONReader {
    /// As `readObject`, for an object whose members are all known beforehand: `member` gets the place of each one's name
    /// in `names`.
    ///
    /// - Parameter unknown: thrown for a member of any other name.
    @inlinable
    package mutating func readMembers(
        of names: MemberNames, unknown: @autoclosure () -> any Error,
        _ member: (Int, inout JSONReader) throws -> Void
    ) throws {
        try open(UInt8(ascii: "{"), .object)
        skipSpace()
        if current == UInt8(ascii: "}") { return close() }
        var seen = SeenPlaces()
        var next = 0
        while true {
            skipSpace()
            let start = position
            let rest = UnsafeRawBufferPointer(start: base + position, count: count &- position)
            let place: Int
            if let found = names.leading(rest, from: next) {
                place = found.place
                position &+= found.length
            } else {
                place = try readName(of: names, unknown: unknown)
            }
            guard seen.insert(place) else {
                throw JSONPointer.prefixed(JSONError(reason: "is there twice", offset: start), names.names[place])
            }
            next = place &+ 1
            skipSpace()
            do {
                try member(place, &self)
            } catch {
                throw JSONPointer.prefixed(error, names.names[place])
            }
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position &+= 1
            case UInt8(ascii: "}"): return close()
            default: throw malformed("expected ',' or '}' in an object")
            }
        }
    }

    /// A name that isn't written as ours are, or not where ours are.
    @usableFromInline
    mutating func readName(of names: MemberNames, unknown: () -> any Error) throws -> Int {
        guard current == UInt8(ascii: "\"") else { throw malformed("expected a member name in quotes") }
        let key = try readKey()
        skipSpace()
        guard current == UInt8(ascii: ":") else { throw malformed("expected ':' after a member name") }
        position &+= 1
        guard let place = names.place(of: key) else { throw JSONPointer.prefixed(unknown(), key.string) }
        return place
    }
}

/// Which of an object's known members have been there.
@usableFromInline
struct SeenPlaces {
    @usableFromInline var first: UInt64 = 0
    /// Of the few objects that have more than 64.
    @usableFromInline var others: Set<Int>?

    @inlinable
    init() {}

    /// False when `place` was there.
    @inlinable @inline(__always)
    mutating func insert(_ place: Int) -> Bool {
        guard place < 64 else { return insertIntoSet(place) }
        let bit: UInt64 = 1 &<< UInt64(place)
        defer { first |= bit }
        return first & bit == 0
    }

    @usableFromInline @inline(never)
    mutating func insertIntoSet(_ place: Int) -> Bool {
        var set = others ?? []
        others = nil
        defer { others = set }
        return set.insert(place).inserted
    }
}
