import CLibrdkafka
import Glibc

/// Records in partition order, in librdkafka's own memory until the batch goes.
///
/// `@unchecked Sendable`: immutable after `init`, and librdkafka doesn't touch a message it has handed out.
public final class MessageBatch: RandomAccessCollection, @unchecked Sendable {
    private let messages: [UnsafeMutablePointer<rd_kafka_message_t>]
    /// Messages point into the client, which therefore must outlive them.
    private let handle: KafkaHandle
    let id: UInt64
    let partitions: Set<TopicPartition>
    /// All of its records are of urgent topics; else none is.
    public let isUrgent: Bool

    init(
        _ id: UInt64, _ messages: [UnsafeMutablePointer<rd_kafka_message_t>], _ partitions: Set<TopicPartition>,
        isUrgent: Bool = false, _ handle: KafkaHandle
    ) {
        self.id = id
        self.isUrgent = isUrgent
        self.messages = messages
        self.partitions = partitions
        self.handle = handle
    }

    deinit { for message in messages { rd_kafka_message_destroy(message) } }

    public var startIndex: Int { 0 }
    public var endIndex: Int { messages.count }
    public subscript(position: Int) -> ConsumedMessage { ConsumedMessage(messages[position], self) }
}

/// One record of a batch. Its bytes are borrowed: they are valid while the batch lives, and this keeps it alive.
public struct ConsumedMessage: Sendable {
    private let raw: Pointer
    private let batch: MessageBatch

    /// A pointer into the batch, which is `Sendable` for the reason given there.
    private struct Pointer: @unchecked Sendable {
        let message: UnsafeMutablePointer<rd_kafka_message_t>
    }

    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ batch: MessageBatch) {
        raw = Pointer(message: message)
        self.batch = batch
    }

    public var topic: String { String(cString: rd_kafka_topic_name(raw.message.pointee.rkt)) }
    /// Cheaper than to compare names. False may be said of two of one topic.
    public func isOfTopic(of other: ConsumedMessage) -> Bool {
        raw.message.pointee.rkt == other.raw.message.pointee.rkt
    }
    public var partition: Int32 { raw.message.pointee.partition }
    public var offset: Int64 { raw.message.pointee.offset }
    public var key: UnsafeRawBufferPointer? {
        raw.message.pointee.key.map { UnsafeRawBufferPointer(start: $0, count: raw.message.pointee.key_len) }
    }
    /// Empty for a tombstone too; `isTombstone` tells.
    public var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: raw.message.pointee.payload, count: raw.message.pointee.len)
    }
    public var isTombstone: Bool { raw.message.pointee.payload == nil }

    /// Milliseconds since the Unix epoch; 0 where the broker has none.
    public var timestamp: Int64 { max(0, rd_kafka_message_timestamp(raw.message, nil)) }

    /// Calls `body` with each header in order. Names may repeat; a null value comes as an empty one.
    public func forEachHeader(_ body: (String, UnsafeRawBufferPointer) -> Void) {
        forEachRawHeader { body(String(decoding: $0, as: UTF8.self), $1) }
    }

    /// As `forEachHeader`, the names in place too.
    public func forEachRawHeader(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(raw.message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        var index = 0
        while rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            if let name {
                body(
                    UnsafeRawBufferPointer(start: name, count: strlen(name)),
                    UnsafeRawBufferPointer(start: value, count: size))
            }
            index += 1
        }
    }

    /// The last header called `name`, without a copy; nil when there is none. A null value comes as an empty one.
    public func header(_ name: String) -> UnsafeRawBufferPointer? {
        var headers: OpaquePointer?
        var value: UnsafeRawPointer?
        var size = 0
        guard rd_kafka_message_headers(raw.message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR,
            rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return nil }
        return UnsafeRawBufferPointer(start: value, count: size)
    }

    /// Frees what librdkafka made of the headers, which is an allocation for each: one record's are reused for the next one's
    /// while the processor has them at hand, where a batch's would be spread over megabytes. Nothing may point into them any
    /// more. Who reads headers again has them made again.
    public func releaseHeaders() {
        var headers: OpaquePointer?
        guard rd_kafka_message_detach_headers(raw.message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        rd_kafka_headers_destroy(headers)
    }

    /// All headers, copied.
    public var headers: [KafkaHeader] {
        var headers: [KafkaHeader] = []
        forEachHeader { headers.append(KafkaHeader($0, Array($1))) }
        return headers
    }
}
