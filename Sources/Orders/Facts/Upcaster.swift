import JSON

/// Brings a payload of one schema version up to the next, on read, a version at a time: coders know one version, and what
/// was written once is never rewritten. Both the event store's and a topic's payloads pass here.
///
/// A payload of a version newer than ours is left as it is: coders pass over members that they don't know.
public struct Upcaster: Sendable {
    let from: Int
    let change: @Sendable (inout JSONObject) throws -> Void

    /// - Parameter change: makes a payload of version `from + 1` of one of version `from`. It must be tolerant of one
    ///   that is of the newer version already: foreign producers may not say their version, which means 1.
    public init(from: Int, _ change: @escaping @Sendable (inout JSONObject) throws -> Void) {
        self.from = from
        self.change = change
    }
}

extension MessagePayload {
    /// Whether payloads of a version are brought up to the present one.
    public static func reads(version: Int) -> Bool {
        (version..<max(version, self.version)).allSatisfy { version in upcasters.contains { $0.from == version } }
    }

    /// The payload as the present version would have it. Costs nothing where there are no upcasters.
    @inlinable
    static func upcast(_ encoded: EncodedPayload) throws(PayloadError) -> EncodedPayload {
        let steps = upcasters
        return try steps.isEmpty ? encoded : upcast(encoded, by: steps)
    }

    @usableFromInline
    static func upcast(_ encoded: EncodedPayload, by steps: [Upcaster]) throws(PayloadError) -> EncodedPayload {
        var version = encoded.schemaVersion
        guard steps.contains(where: { $0.from == version }) else { return encoded }
        do {
            guard case .object(var object) = try JSONValue(parsing: encoded.bytes) else { return encoded }
            while let step = steps.first(where: { $0.from == version }) {
                try step.change(&object)
                version += 1
            }
            return encoded.with(JSONValue.object(object).bytes)
        } catch {
            throw PayloadError(type: type, detail: "\(error)")
        }
    }
}
