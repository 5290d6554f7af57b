import CLibrdkafka
import Execution
import Logging

/// What operators ask a cluster: topics, offsets, groups. All calls block the calling thread, for `timeout` at most.
public final class Admin: Sendable {
    let handle: KafkaHandle
    let timeout: Duration

    /// - Parameter timeout: of each request.
    public init(_ configuration: KafkaConfiguration, timeout: Duration = .seconds(10), logger: Logger)
        throws(KafkaError)
    {
        let conf = try configuration.make([("reconnect.backoff.max.ms", "1000")])
        handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, logger: logger)
        self.timeout = timeout
    }

    var timeoutMilliseconds: Int32 { Int32(clamping: Int(timeout / .milliseconds(1))) }

    /// Sends one request of the Admin API and lends its result (librdkafka INTRODUCTION.md, "Admin API").
    func request<Result>(
        _ operation: rd_kafka_admin_op_t, _ what: String,
        send: (_ options: OpaquePointer, _ queue: OpaquePointer) -> Void,
        result: (OpaquePointer) throws -> Result
    ) throws -> Result {
        guard let options = rd_kafka_AdminOptions_new(handle.raw, operation) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, what)
        }
        defer { rd_kafka_AdminOptions_destroy(options) }
        var text = [CChar](repeating: 0, count: 256)
        _ = rd_kafka_AdminOptions_set_request_timeout(options, timeoutMilliseconds, &text, text.count)
        guard let queue = rd_kafka_queue_new(handle.raw) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, what)
        }
        defer { rd_kafka_queue_destroy(queue) }
        send(options, queue)
        // The request has its own timeout; a little more lets it be the one that answers.
        guard let event = rd_kafka_queue_poll(queue, timeoutMilliseconds + 1_000) else {
            throw handle.explained(KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, what))
        }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? ""
            throw handle.explained(KafkaError(code, "\(what): \(text)"))
        }
        do {
            return try result(event)
        } catch let error as KafkaError {
            throw handle.explained(error)
        }
    }
}
