import JSON

/// Puts the members of JSON objects, which come in any order, into the order of a format, whose bytes say nothing of
/// names.
struct MemberOrder {
    private struct Piece {
        let place: Int
        let start: Int
        let end: Int
    }

    /// Of the objects that are being read, the innermost last.
    private var pieces: [Piece] = []

    /// Reads an object and appends its members.
    ///
    /// - Parameters:
    ///   - order: places of the plan's fields, as the format has them.
    ///   - absent: appends what stands for an optional member that isn't there.
    ///   - write: appends one member's value.
    mutating func object(
        _ plan: RecordPlan, order: [Int], _ reader: inout JSONReader, to bytes: inout [UInt8], absent: [UInt8],
        write: (RecordPlan.Field, inout JSONReader, inout MemberOrder, inout [UInt8]) throws -> Void
    ) throws {
        let first = pieces.count
        let start = bytes.count
        var hint = 0
        var required = 0
        try reader.readObject { key, reader in
            guard let place = plan.place(of: key, hint: hint) else {
                throw WireFormatError("is no member of the schema")
            }
            hint = place + 1
            let field = plan.fields[place]
            // A null is what isn't there.
            if field.isOptional, try reader.readIfNull() { return }
            let start = bytes.count
            try write(field, &reader, &self, &bytes)
            if !field.isOptional { required += 1 }
            pieces.append(Piece(place: place, start: start, end: bytes.count))
        }
        defer { pieces.removeSubrange(first...) }
        if required < plan.required {
            let missing = plan.fields.indices.first { place in
                !plan.fields[place].isOptional && !pieces[first...].contains { $0.place == place }
            }
            throw WireFormatError("is required", at: missing.map { "/" + plan.fields[$0].name } ?? "")
        }
        // Already so, as nearly always.
        if absent.isEmpty || pieces.count - first == order.count, isSorted(from: first, by: order) { return }
        let middle = bytes.count
        for place in order {
            if let piece = pieces[first...].first(where: { $0.place == place }) {
                for index in piece.start..<piece.end { bytes.append(bytes[index]) }
            } else {
                bytes += absent
            }
        }
        bytes.removeSubrange(start..<middle)
    }

    /// Fields are few, and the order is the schema's in nearly every case.
    private func isSorted(from first: Int, by order: [Int]) -> Bool {
        var rank = 0
        for piece in pieces[first...] {
            while rank < order.count, order[rank] != piece.place { rank += 1 }
            if rank == order.count { return false }
        }
        return true
    }
}
