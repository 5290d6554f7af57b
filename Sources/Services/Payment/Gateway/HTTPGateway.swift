import Foundation
import JSON
import Orders
import Outbound
import Telemetry
import Tracing

/// A gateway behind HTTP: `POST {url}/charges` and `POST {url}/refunds` with JSON and an `Idempotency-Key`.
///
///     2xx {"reference":"…"}   done
///     other 2xx               perhaps done: asked again, and no sign of an outage
///     408, 409, 425           the same
///     other 4xx but 429       the final no to this call, and no sign of an outage
///     anything else, nothing  asked again; several in a row are an outage
///
/// Asked again is always with the same key, for ever: neither "failed" nor a new key would be safe. 409 says, with an
/// idempotency key, that the same request is being worked on just now (draft-ietf-httpapi-idempotency-key-header §2.6).
/// The gateway must keep its keys for as long as it can be down. The body alone tells what an answer says, whatever its
/// Content-Type; of one that is too long the status still counts.
public struct HTTPGateway: PaymentGateway {
    public struct Configuration: Sendable {
        public var url: String
        /// Sent as `Authorization: Bearer`.
        public var token: String?
        public var timeout: Duration = .seconds(5)
        /// Kept for later calls; as many as are made at once, so that none has to be made anew under load.
        public var connections = 16

        public init(url: String) { self.url = url }
    }

    private let client: HTTPClient
    private let url: String
    private let token: String?
    private let host: String
    private let traces = Traces.current

    public init(_ configuration: Configuration) {
        var http = HTTPClient.Configuration()
        http.timeout = configuration.timeout
        http.connectTimeout = min(http.connectTimeout, configuration.timeout)
        http.responseLimit = 64 << 10
        http.idleLimit = configuration.connections
        client = HTTPClient(http)
        url = configuration.url.hasSuffix("/") ? String(configuration.url.dropLast()) : configuration.url
        token = configuration.token
        host = URLComponents(string: url)?.host ?? ""
    }

    public func charge(_ charge: GatewayCharge) throws(GatewayError) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("orderId", charge.orderID)
            json.field("userId", charge.userID)
            json.money("amount", charge.amount)
            json.field("paymentToken", charge.paymentToken)
        }
        return try post("charges", json.bytes, key: charge.idempotencyKey, under: charge.traceparent)
    }

    public func refund(_ refund: GatewayRefund) throws(GatewayError) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("orderId", refund.orderID)
            json.field("chargeReference", refund.chargeReference)
            json.money("amount", refund.amount)
        }
        return try post("refunds", json.bytes, key: refund.idempotencyKey, under: refund.traceparent)
    }

    private func post(
        _ path: String, _ body: [UInt8], key: String, under traceparent: String?
    ) throws(GatewayError) -> String {
        var headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)]
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        let span = span(of: path, under: traceparent)
        if let traceparent = span?.traceparent ?? traceparent { headers.append(("traceparent", traceparent)) }
        let response: HTTPClient.Response
        do {
            response = try client.send(HTTPClient.Request(url: "\(url)/\(path)", body: body, headers: headers))
            span?.note(["http.response.status_code": .int64(Int64(response.status))])
            if response.status >= 400 { span?.fail(String(response.status)) }
            span?.end()
        } catch {
            span?.fail("no_answer", "\(error)")
            span?.end()
            switch error {
            case .notSent(let reason): throw .unavailable(reason)
            case .outcomeUnknown(let reason): throw .unknown(reason)
            }
        }
        return try Self.reference(of: response)
    }

    /// What an answer means: the one place where that is decided.
    private static func reference(of response: HTTPClient.Response) throws(GatewayError) -> String {
        let words = "HTTP \(response.status)"
        let fields = response.isTruncated ? Fields() : Fields(response.body)
        switch response.status {
        case 200...299:
            guard let reference = fields.reference else { throw .undecided("\(words) without a reference to keep") }
            return reference
        case 408, 409, 425: throw .undecided(words)
        case 429: throw .unavailable(words)
        case 400...499: throw .declined(fields.reason ?? words)
        default: throw .unavailable(words)
        }
    }

    /// The call by the semantic conventions for HTTP clients.
    private func span(of path: String, under traceparent: String?) -> ActiveSpan? {
        traces?.continue(
            "POST /\(path)", .client, under: traceparent,
            attributes: [
                "http.request.method": "POST", "url.template": .string("/\(path)"), "server.address": .string(host),
            ])
    }

    /// What is read of an answer: a reference, or a reason in the words of a problem document (RFC 9457).
    private struct Fields {
        var reference: String?
        var reason: String?

        /// Longest reference and reason that are kept, in bytes.
        static let limit = 500

        init() {}

        init(_ body: [UInt8]) {
            var reference: String?
            var words: [String: String] = [:]
            let isRead = body.withUnsafeBytes { bytes -> Bool in
                var reader = JSONReader(bytes)
                do {
                    try reader.readObject { key, reader in
                        guard reader.peekKind() == .string else { return try reader.skipValue() }
                        let text = try reader.readString()
                        guard !text.isEmpty, text.utf8.count <= Self.limit, !text.utf8.contains(0) else { return }
                        if key == "reference" {
                            // It goes into facts as it is; words are cleaned there.
                            if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) { reference = text }
                        } else {
                            words[key.string] = text
                        }
                    }
                    try reader.end()
                    return true
                } catch {
                    return false
                }
            }
            guard isRead else { return }
            self.reference = reference
            reason = words["reason"] ?? words["detail"] ?? words["title"]
        }
    }
}
