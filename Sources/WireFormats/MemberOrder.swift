import JSON

/// Puts the members of JSON objects, which come in any order, into the order of a format, whose bytes say nothing of
/// names. Nearly always they come in it: then nothing moves.
struct MemberOrder {
    private struct Piece {
        let place: Int
        let start: Int
        let end: Int
    }

    /// Of the objects that are being read, the innermost last.
    private var pieces: [Piece] = []

    init() { pieces.reserveCapacity(Self.usual) }

    private static let usual = 24

    /// Reads an object and appends its members.
    ///
    /// - Parameters:
    ///   - order: of the plan's fields, as the format has them.
    ///   - absent: stands for an optional member that isn't there; nil where nothing does.
    ///   - write: appends the value of the member at a place of the plan's.
    mutating func object(
        _ plan: RecordPlan, order: MemberRanks, _ reader: inout JSONReader, to bytes: inout ByteSink, absent: UInt8?,
        write: (Int, inout JSONReader, inout MemberOrder, inout ByteSink) throws -> Void
    ) throws {
        let first = pieces.count
        let start = bytes.count
        var required = 0
        // Of the next member, as long as they come in order.
        var rank = 0
        var isInOrder = true
        try reader.readMembers(of: plan.names, unknown: WireFormatError("is no member of the schema")) {
            place, reader in
            let isOptional = plan.fields[place].isOptional
            // A null is what isn't there.
            if isOptional, try reader.readIfNull() { return }
            let own = order.ranks[place]
            isInOrder = isInOrder && own >= rank
            if isInOrder {
                if let absent { Self.append(absent, for: rank..<own, of: plan, order, to: &bytes) }
                rank = own + 1
            }
            let start = bytes.count
            try write(place, &reader, &self, &bytes)
            if !isOptional { required += 1 }
            pieces.append(Piece(place: place, start: start, end: bytes.count))
        }
        defer { pieces.removeLast(pieces.count - first) }
        if required < plan.required {
            let missing = plan.fields.indices.first { place in
                !plan.fields[place].isOptional && !pieces[first...].contains { $0.place == place }
            }
            throw WireFormatError("is required", at: missing.map { "/" + plan.names.names[$0] } ?? "")
        }
        if isInOrder {
            if let absent { Self.append(absent, for: rank..<order.places.count, of: plan, order, to: &bytes) }
            return
        }
        let middle = bytes.count
        for place in order.places {
            if let piece = pieces[first...].first(where: { $0.place == place }) {
                bytes.repeatBytes(from: piece.start, to: piece.end)
            } else if let absent {
                bytes.append(absent)
            }
        }
        bytes.remove(from: start, to: middle)
    }

    /// - Parameter ranks: of members that aren't there, or not yet. One that is required has no byte: if it comes, it is
    ///   out of order.
    private static func append(
        _ absent: UInt8, for ranks: Range<Int>, of plan: RecordPlan, _ order: MemberRanks, to bytes: inout ByteSink
    ) {
        for rank in ranks where plan.fields[order.places[rank]].isOptional { bytes.append(absent) }
    }
}
