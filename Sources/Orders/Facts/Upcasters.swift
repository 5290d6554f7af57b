import JSON

/// Brings payloads of old schema versions up to the present one, on read, a version at a time: decoders know one
/// version, and what was written once is never rewritten. Both the event store's and a topic's payloads pass here.
///
/// A payload of a version newer than ours is left as it is: decoders pass over members that they don't know.
public struct Upcasters: Sendable {
    public struct Step: Sendable {
        let type: String
        let from: Int
        let change: @Sendable (inout JSONObject) throws -> Void

        /// - Parameter change: makes a payload of version `from + 1` of one of version `from`. It must be tolerant of
        ///   one that is of the newer version already: foreign producers may not say their version, which means 1.
        public init(_ type: String, from: Int, _ change: @escaping @Sendable (inout JSONObject) throws -> Void) {
            self.type = type
            self.from = from
            self.change = change
        }
    }

    private let steps: [String: [Int: Step]]

    public init(_ steps: [Step]) {
        self.steps = Dictionary(grouping: steps, by: \.type).mapValues { steps in
            Dictionary(steps.map { ($0.from, $0) }) { _, _ in preconditionFailure("two upcasters from one version") }
        }
    }

    /// The payload as the present version would have it. Costs nothing where no step applies.
    public func upcast(_ type: String, _ version: Int, _ payload: [UInt8]) throws(PayloadError) -> [UInt8] {
        guard let steps = steps[type], steps[version] != nil else { return payload }
        do {
            guard case .object(var object) = try JSONValue(parsing: payload) else { return payload }
            var version = version
            while let step = steps[version] {
                try step.change(&object)
                version += 1
            }
            return JSONValue.object(object).bytes
        } catch {
            throw PayloadError(type: type, detail: "\(error)")
        }
    }
}
