import Execution
import Foundation
import Kafka

/// Who says a fact, proved: each source signs its records (HMAC-SHA256) with keys of its own, and every reader holds them
/// against the keys and against what the source may say.
///
/// A reader's keys can sign too: this defends against who gets at the brokers, not against who gets into a
/// service.
public struct Signatures: Sendable {
    private let keys: [String: SourceKeys]
    private let check: Check?

    /// What readers ask of records.
    public struct Check: Sendable {
        /// The types that each source may say.
        let says: [String: Set<String>]
        /// Records at lower offsets may be unsigned: they were there before signing was.
        let unsignedBefore: [TopicPartition: Int64]

        public init(says: [String: Set<String>], unsignedBefore: [TopicPartition: Int64]) {
            self.says = says
            self.unsignedBefore = unsignedBefore
        }
    }

    /// - Parameters:
    ///   - keys: by source.
    ///   - check: nil where records are signed, and not looked at yet.
    public init(keys: [String: SourceKeys], check: Check?) {
        self.keys = keys
        self.check = check
    }

    /// Of this process: what relays sign by and doors check by, from when they are made. Nil signs and checks nothing.
    public static var installed: Signatures? { current.withLock { $0 } }
    public static func install(_ signatures: Signatures?) { current.withLock { $0 = signatures } }
    private static let current = Monitor<Signatures?>(nil)

    /// Whether records of the source are signed here.
    public func signs(_ source: String) -> Bool { keys[source] != nil }

    // MARK: Signing

    /// Adds the signature of the record's source, where its keys are here. `traceparent` may still change.
    func sign(_ message: inout OutgoingMessage) {
        var content = SignedContent()
        message.headers.forEach { name, value in
            if let attribute = EventAttribute(name) { content.take(attribute, value) }
        }
        guard let source = message.headers[EventHeader.source],
            let signing = keys[String(decoding: source, as: UTF8.self)]?.signing
        else { return }
        let bytes = Self.with(message.key) { key in
            Self.with(message.value) { value in content.bytes(topic: message.topic, key: key, value: value) }
        }
        message.headers.append(
            EventHeader.signature, "\(signing.id):\(Data(signing.key.code(of: bytes)).base64EncodedString())")
    }

    private static func with<Result>(
        _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Result
    ) -> Result {
        guard let bytes else { return body(nil) }
        return bytes.withUnsafeBytes { body($0) }
    }

    // MARK: Checking

    var checks: Bool { check != nil }

    /// Why a record isn't its source's word, so that nobody may act on it; nil where it is.
    ///
    /// - Parameter type: nil where it can't be read: the source may have said such a thing.
    func forgery(
        of type: String?, _ headers: EnvelopeHeaders, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        at place: InboundMessage.Source
    ) -> String? {
        guard let check else { return nil }
        guard let content = headers.signed else { return "its headers were read without their signature" }
        let partition = TopicPartition(topic: place.topic, partition: place.partition)
        if headers.signature == nil, place.offset < check.unsignedBefore[partition] ?? 0 { return nil }
        guard let source = headers.source else { return "\(EventHeader.source) is missing, and nobody has signed it" }
        guard let says = check.says[source] else { return "\(source) is no source that may say anything here" }
        if let type, !says.contains(type) { return "\(source) may not say \(type)" }
        guard let signature = headers.signature else { return "\(source) hasn't signed it" }
        guard let keys = keys[source] else { return "there are no keys of \(source) to verify its signature by" }
        let parts = signature.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let code = Data(base64Encoded: String(parts[1])) else {
            return "\(EventHeader.signature) must be a key's id, a colon and Base64"
        }
        guard let verifying = keys.all[String(parts[0])] else {
            return "it is signed with a key that \(source) hasn't"
        }
        let bytes = content.bytes(topic: place.topic, key: key, value: value)
        return bytes.withUnsafeBytes { verifying.isCode(code, of: $0) }
            ? nil : "the signature isn't \(source)'s, or the record was changed"
    }
}
