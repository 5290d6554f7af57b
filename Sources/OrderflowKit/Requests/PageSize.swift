import JSON

/// A page ends where it has so many elements as were asked for, or about so many bytes, whichever comes first: what one
/// request makes a process hold mustn't depend on what is in the data.
package enum PageSize {
    package static let bytes = 1 << 20
}

extension JSONWriter {
    /// A member that is an array of as many of `items` as fit, at least one. Returns how many were written.
    package mutating func page<Items: Collection>(
        _ name: StaticString, _ items: Items, _ write: (inout JSONWriter, Items.Element) throws -> Void
    ) rethrows -> Int {
        var written = 0
        key(name)
        try array { json in
            for item in items {
                if written > 0, json.bytes.count >= PageSize.bytes { break }
                try write(&json, item)
                written += 1
            }
        }
        return written
    }
}
