import CLibrdkafka

/// What librdkafka or the broker refused.
public struct KafkaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `rd_kafka_resp_err_t`: broker codes from 0 up, librdkafka's own below 0.
    public let code: Int32
    /// The code's name, such as `MSG_SIZE_TOO_LARGE`.
    public let name: String
    public let message: String
    /// The client can't go on and has to be made anew (an idempotent producer that lost its place, a fenced member).
    public let isFatal: Bool

    init(_ code: rd_kafka_resp_err_t, _ context: String = "", isFatal: Bool = false) {
        self.code = code.rawValue
        name = String(cString: rd_kafka_err2name(code))
        let text = String(cString: rd_kafka_err2str(code))
        message = context.isEmpty ? text : "\(context): \(text)"
        self.isFatal = isFatal
    }

    init(configuration message: String) {
        code = RD_KAFKA_RESP_ERR__INVALID_ARG.rawValue
        name = "_INVALID_ARG"
        self.message = message
        isFatal = true
    }

    /// Passes by itself: brokers away, a leader election, a full queue.
    public var isRetriable: Bool {
        guard !isFatal else { return false }
        switch rd_kafka_resp_err_t(rawValue: code) {
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__QUEUE_FULL,
            RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__RETRY,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
            return true
        default: return false
        }
    }

    /// This error, that nothing came in time, with the reason for having had no connection.
    func explained(by obstacle: KafkaError?) -> KafkaError {
        guard let obstacle, obstacle != self, Self.silences.contains(code) else { return self }
        return KafkaError(code: code, name: name, message: "\(message): \(obstacle.advice)", isFatal: isFatal)
    }

    private static let silences: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__TRANSPORT,
            RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__WAIT_COORD,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        ].map(\.rawValue))

    private init(code: Int32, name: String, message: String, isFatal: Bool) {
        self.code = code
        self.name = name
        self.message = message
        self.isFatal = isFatal
    }

    /// Whether the error says better than `other` why no connection is made. A refusal outweighs a connection that ends:
    /// that happens on the way too.
    func tellsMore(than other: KafkaError?) -> Bool {
        guard let weight = obstacleWeight else { return false }
        return weight >= (other?.obstacleWeight ?? 0)
    }

    /// Nil for what isn't about connections, or says nothing of a reason.
    private var obstacleWeight: Int? {
        switch rd_kafka_resp_err_t(rawValue: code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
            return 3
        case RD_KAFKA_RESP_ERR__RESOLVE: return 2
        case RD_KAFKA_RESP_ERR__TRANSPORT:
            return endedInTLSHandshake || message.contains("security.protocol") ? 3 : 1
        default: return nil
        }
    }

    /// The other side hung up in the middle of the handshake. OpenSSL has several words for that, by how far it had got,
    /// and librdkafka has a code of its own for some of them only; the state that it was in is always named.
    private var endedInTLSHandshake: Bool {
        code == RD_KAFKA_RESP_ERR__TRANSPORT.rawValue && message.contains("SSL_HANDSHAKE")
    }

    private static let tlsAdvice =
        "(look at security.protocol, and at ssl.ca.location and the other ssl properties)"

    /// The message, with what to look at where that is known.
    private var advice: String {
        switch rd_kafka_resp_err_t(rawValue: code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
            "\(message) (look at security.protocol, sasl.mechanism, sasl.username and sasl.password)"
        case RD_KAFKA_RESP_ERR__SSL: "\(message) \(Self.tlsAdvice)"
        default: endedInTLSHandshake ? "\(message) \(Self.tlsAdvice)" : message
        }
    }

    /// The cluster has no such topic.
    public var isMissingTopic: Bool {
        [RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART].contains { $0.rawValue == code }
    }

    /// Another member of the group has this one's name (KIP-345).
    public var isFenced: Bool { code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID.rawValue }

    /// A record larger than the client or the topic allows.
    public var isTooLarge: Bool { code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue }

    /// The brokers don't know this kind of request.
    public var isUnsupported: Bool {
        [RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION].contains {
            $0.rawValue == code
        }
    }

    public var description: String { "\(message) (\(name))" }
}
