import CLibrdkafka
import Execution
import Logging

/// One librdkafka client: the pointer, what its callbacks report, and its end.
///
/// `@unchecked Sendable`: librdkafka's handles may be used from any thread (INTRODUCTION.md, "Threads and callbacks");
/// the pointer itself never changes, and it is destroyed in `deinit`, when nobody has it any more. Whatever borrows
/// memory from the client (messages, queues) holds a reference to this object.
final class KafkaHandle: @unchecked Sendable {
    let raw: OpaquePointer
    private let reports: Reports
    /// The client holds it unretained.
    private let pacing: FetchPacing?

    /// What callbacks report. A class of its own, since librdkafka holds it before the handle exists.
    final class Reports: Sendable {
        struct State {
            var lastError: KafkaError?
            var outage: KafkaError?
            /// What most likely keeps connections from being made.
            var obstacle: KafkaError?
            var statistics: String?
            /// The client has got as far as its interceptors.
            var isBegun = false
        }

        let state = Monitor(State())
        let logger: Logger
        let onRebalance: Rebalance?

        init(_ logger: Logger, onRebalance: Rebalance?) {
            self.logger = logger
            self.onRebalance = onRebalance
        }
    }

    /// Called on the thread that polls, with the client, what happened, and the partitions it happened to.
    typealias Rebalance =
        @Sendable (
            OpaquePointer, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
        ) -> Void

    /// Makes a client and takes `conf` over, also when it throws.
    init(
        _ type: rd_kafka_type_t, _ conf: OpaquePointer, logger: Logger, pacing: FetchPacing? = nil,
        onRebalance: Rebalance? = nil
    ) throws(KafkaError) {
        self.pacing = pacing
        pacing?.install(on: conf)
        TimerSlack.install(on: conf)
        reports = Reports(logger, onRebalance: onRebalance)
        let opaque = Unmanaged.passUnretained(reports).toOpaque()
        rd_kafka_conf_set_opaque(conf, opaque)
        rd_kafka_conf_interceptor_add_on_new(
            conf, "begun",
            { _, _, opaque, _, _ in
                if let opaque {
                    let reports = Unmanaged<Reports>.fromOpaque(opaque).takeUnretainedValue()
                    reports.state.withLock { $0.isBegun = true }
                }
                return RD_KAFKA_RESP_ERR_NO_ERROR
            }, opaque)
        rd_kafka_conf_set_log_cb(conf) { rk, level, facility, text in
            guard let reports = KafkaHandle.reports(rk), let text else { return }
            reports.logger.log(
                level: KafkaHandle.level(level), "librdkafka",
                metadata: [
                    "facility": "\(facility.map { String(cString: $0) } ?? "")", "text": "\(String(cString: text))",
                ])
        }
        rd_kafka_conf_set_error_cb(conf) { rk, code, reason, opaque in
            guard let opaque else { return }
            let reports = Unmanaged<Reports>.fromOpaque(opaque).takeUnretainedValue()
            let code = rd_kafka_resp_err_t(rawValue: code)
            if code == RD_KAFKA_RESP_ERR__FATAL, let rk {
                var text = [CChar](repeating: 0, count: 512)
                let cause = rd_kafka_fatal_error(rk, &text, text.count)
                let error = KafkaError(cause, KafkaConfiguration.string(text), isFatal: true)
                reports.logger.error("kafka_client_lost", metadata: ["error": "\(error)"])
            } else {
                let error = KafkaError(code, reason.map { String(cString: $0) } ?? "")
                reports.state.withLock {
                    $0.lastError = error
                    if code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN { $0.outage = error }
                    if error.tellsMore(than: $0.obstacle) { $0.obstacle = error }
                }
                reports.logger.debug("kafka_error", metadata: ["error": "\(error)"])
            }
        }
        rd_kafka_conf_set_stats_cb(conf) { _, json, length, opaque in
            guard let opaque, let json else { return 0 }
            let reports = Unmanaged<Reports>.fromOpaque(opaque).takeUnretainedValue()
            let bytes = UnsafeRawBufferPointer(start: json, count: length)
            let text = String(decoding: bytes, as: UTF8.self)
            // librdkafka tells when all brokers are gone, but not when one is back.
            let isConnected = text.contains(#""state":"UP""#)
            reports.state.withLock {
                $0.statistics = text
                if isConnected { ($0.outage, $0.obstacle) = (nil, nil) }
            }
            return 0
        }
        if onRebalance != nil {
            rd_kafka_conf_set_rebalance_cb(conf) { rk, code, partitions, opaque in
                guard let rk, let partitions, let opaque else { return }
                let reports = Unmanaged<Reports>.fromOpaque(opaque).takeUnretainedValue()
                reports.onRebalance?(rk, code, partitions)
            }
        }
        var text = [CChar](repeating: 0, count: 512)
        guard let raw = rd_kafka_new(type, conf, &text, text.count) else {
            // A client that fails behind its interceptors, as for want of a certificate, has freed them, which are `conf`'s too
            // (rd_kafka_new in rdkafka.c, "fail:"): freed twice they end the process. So `conf` stays.
            if !reports.state.withLock({ $0.isBegun }) { rd_kafka_conf_destroy(conf) }
            throw KafkaError(configuration: KafkaConfiguration.string(text))
        }
        self.raw = raw
    }

    deinit {
        if isKept.withLock({ $0 }) {
            // Its threads go on, and call what they were given.
            _ = Unmanaged.passRetained(reports)
            _ = pacing.map { Unmanaged.passRetained($0) }
            return
        }
        topics.withLock { for topic in $0.values { rd_kafka_topic_destroy(topic.raw) } }
        rd_kafka_destroy(raw)
    }

    /// The client is never destroyed, because librdkafka can't do it: it stays, closed, until the process ends.
    func keepForever() {
        isKept.withLock { $0 = true }
        reports.logger.notice("kafka_client_kept", metadata: ["reason": "it was about to join its group"])
    }
    private let isKept = Monitor(false)
    private let polling = Monitor(())

    /// A topic that the client keeps itself informed about for as long as it lives. The pointer is valid as long.
    func topic(_ name: String) -> OpaquePointer? {
        topics.withLock { topics -> Topic? in
            if let known = topics[name] { return known }
            guard let raw = rd_kafka_topic_new(self.raw, name, nil) else { return nil }
            topics[name] = Topic(raw: raw)
            return topics[name]
        }?.raw
    }

    /// May be used from any thread, as the client itself.
    private struct Topic: @unchecked Sendable { let raw: OpaquePointer }
    private let topics = Monitor<[String: Topic]>([:])

    /// Set once the client can't go on. Asked of librdkafka itself: a producer's fatal error comes by callback, a
    /// consumer's as a message.
    var fatalError: KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(raw, nil, 0)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        rd_kafka_fatal_error(raw, &text, text.count)
        return KafkaError(code, KafkaConfiguration.string(text), isFatal: true)
    }
    /// The last error that librdkafka deals with by itself, such as a lost broker.
    var lastError: KafkaError? { reports.state.withLock { $0.lastError } }
    /// Why no broker can be reached; nil while one can. Ends with the statistics that show a connection, so
    /// `statistics.interval.ms` is how long after the fact.
    var outage: KafkaError? {
        reports.state.withLock { state in state.outage.map { $0.explained(by: state.obstacle) } }
    }
    /// What most likely keeps connections from being made, such as a refused password.
    var obstacle: KafkaError? { reports.state.withLock { $0.obstacle } }

    /// What a request has failed with. Where nothing was heard in time, that is with the reason that librdkafka had for
    /// having no connection: it never lets a request fail for it.
    func explained(_ error: KafkaError) -> KafkaError {
        // A client that nobody polls has its errors still in its queue. (A consumer's come with its records.) One at a time:
        // what another thread has just taken out of the queue isn't noted yet.
        if rd_kafka_type(raw) == RD_KAFKA_PRODUCER { polling.withLock { _ in _ = rd_kafka_poll(raw, 0) } }
        return error.explained(by: obstacle)
    }
    /// The last statistics JSON (librdkafka STATISTICS.md), where `statistics.interval.ms` asks for it.
    var statistics: String? { reports.state.withLock { $0.statistics } }

    private static func reports(_ rk: OpaquePointer?) -> Reports? {
        guard let rk, let opaque = rd_kafka_opaque(rk) else { return nil }
        return Unmanaged<Reports>.fromOpaque(opaque).takeUnretainedValue()
    }

    /// Syslog severities.
    private static func level(_ severity: Int32) -> Logger.Level {
        switch severity {
        case ...3: .error
        case 4: .warning
        case 5, 6: .info
        default: .debug
        }
    }
}

extension KafkaHandle {
    /// Ends the wait in `rd_kafka_poll` that is going on, else the next one.
    func endPoll() { end(rd_kafka_queue_get_main(raw)) }

    /// The same for `rd_kafka_consumer_poll`.
    func endConsumerPoll() { end(rd_kafka_queue_get_consumer(raw)) }

    private func end(_ queue: OpaquePointer?) {
        guard let queue else { return }
        rd_kafka_queue_yield(queue)
        rd_kafka_queue_destroy(queue)
    }
}
