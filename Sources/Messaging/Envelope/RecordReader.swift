import Kafka

/// What a record is to one who reads its topic. Everybody who reacts to its type gets the same verdict, before anybody
/// acts on it.
public enum RecordVerdict {
    case event(InboundMessage)
    /// Passed over.
    case nothing(Reason)
    /// No group can handle it, and why.
    case poison(String)
    /// Not the word of the source that it names, and how that is known. Nothing of it is believed, its key included:
    /// it holds up nothing.
    case forged(String)
    /// Can't be read now, for an outage that is no flaw of the record's: to be read again.
    case unavailable(String)

    public enum Reason: Hashable, Sendable {
        /// Of a type that the reader doesn't react to.
        case otherType
        /// Said by the reader itself.
        case ownWord
        /// A null value: it carries no event.
        case tombstone
    }
}

/// The door by which records come in: envelope, headers, key and the whole payload are looked at here.
///
/// A class, since it is handed along with every record: a value of so many parts would be copied each time.
public final class RecordReader: Sendable {
    /// Reads a message's payload, every member of it, whether the reader needs it or not, and holds it against the key.
    /// What it returns goes along with the message (`InboundMessage.content`), so that it is read once; what it throws
    /// makes the record poison.
    public typealias Content = @Sendable (InboundMessage) throws(MessageRejected) -> (any Sendable)?

    /// The types that are reacted to; others are passed over, in the usual case by a header alone.
    public let types: Set<String>
    let names: TypeNames
    private let ignoredSource: String?
    private let ownTypes: TypeNames
    private let content: Content
    let codecs: PayloadCodecs
    let signatures: Signatures?
    private let expressTopics: Set<String>

    /// - Parameters:
    ///   - ignoredSource: records with this `ce_source` are passed over, but for those of `ownTypes`.
    ///   - codecs: of the content types that are read; a record of another one is poison.
    ///   - signatures: that records are held against; nil for none.
    ///   - expressTopics: those that are express lanes.
    public init(
        types: Set<String>, ignoring ignoredSource: String? = nil, butFor ownTypes: Set<String> = [],
        codecs: PayloadCodecs = .installed, signatures: Signatures? = .installed, expressTopics: Set<String> = [],
        content: @escaping Content
    ) {
        self.types = types
        names = TypeNames(types)
        self.ignoredSource = ignoredSource
        self.ownTypes = TypeNames(ownTypes)
        self.codecs = codecs
        self.signatures = signatures
        self.expressTopics = expressTopics
        self.content = content
    }

    public func read(_ record: ConsumedMessage) -> RecordVerdict {
        let place = InboundMessage.Source(topic: record.topic, partition: record.partition, offset: record.offset)
        return read(record, at: place)
    }

    func read(_ record: ConsumedMessage, at place: InboundMessage.Source) -> RecordVerdict {
        if record.isTombstone { return .nothing(.tombstone) }
        defer { record.releaseHeaders() }
        // Most records of a busy topic are others' business; two headers say so before anything is copied.
        if let type = record.header(EventHeader.type) {
            if passesOver(type) { return .nothing(.otherType) }
            if ignoredSource != nil, !ownTypes.contains(type),
                ignores(record.header(EventHeader.source).flatMap { EnvelopeHeaders.text($0) })
            {
                return .nothing(.ownWord)
            }
        }
        var headers = EnvelopeHeaders(for: self)
        record.forEachRawHeader { headers.take($0, $1) }
        return EnvelopeDecoder.decode(
            value: record.value, key: record.key, headers: headers, source: place, recordTime: record.time, by: self)
    }

    /// Whether a record is of no concern by its header `ce_type`. What isn't readable has to be looked at.
    package func passesOver(_ type: UnsafeRawBufferPointer) -> Bool {
        !names.contains(type) && EnvelopeHeaders.isText(type)
    }

    /// The lane's own word. A record that says otherwise in its headers goes by the lane that it is in: an order whose
    /// beginning lies behind others must not have its next facts go ahead of them.
    func priority(at place: InboundMessage.Source) -> Priority {
        !expressTopics.isEmpty && expressTopics.contains(place.topic) ? .express : .ordinary
    }

    func ignores(_ source: String?) -> Bool { ignoredSource != nil && source == ignoredSource }

    /// Whether it is the reader's own word that it need not hear.
    func ignores(_ source: String?, type: String?) -> Bool {
        ignores(source) && !(type.map { ownTypes.contains($0) } ?? false)
    }

    /// The last look: at the payload.
    func judge(_ message: consuming InboundMessage) -> RecordVerdict {
        do throws(MessageRejected) {
            let content = try content(message)
            message.content = content
            return .event(message)
        } catch {
            return .poison(error.reason)
        }
    }
}
