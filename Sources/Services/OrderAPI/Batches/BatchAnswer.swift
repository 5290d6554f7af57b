import HTTPServer
import JSON
import Orders

/// The lines of the answer to a batch, each with its line feed.
enum BatchAnswer {
    static let contentType = "application/x-ndjson"
    /// Bytes of a line at the most, so that the answers to a whole batch have a bound: a client that sends everything
    /// before it reads is waited for.
    static let lineLimit = 400
    static let limit = (BatchRequest.lineLimit + 2) * lineLimit

    /// - Parameter isReplayed: it was stored by an earlier request with the same key.
    static func stored(_ line: Int, _ orderID: String, isReplayed: Bool, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: "{\"line\":".utf8)
        bytes.append(contentsOf: String(line).utf8)
        bytes.append(contentsOf: ",\"orderId\":\"".utf8)
        // Made here, of hexadecimal digits and dashes.
        bytes.append(contentsOf: orderID.utf8)
        bytes.append(contentsOf: (isReplayed ? "\",\"status\":201,\"replayed\":true}\n" : "\",\"status\":201}\n").utf8)
    }

    static func refused(_ line: Int, _ refusal: BatchRefusal) -> [UInt8] {
        let whole = refused(line, refusal, refusal.violations.prefix(3), detail: refusal.detail)
        if whole.count <= lineLimit { return whole }
        // What a client has written at length need not be told it again.
        let short = refusal.violations.prefix(1).map {
            OrderRequest.Violation(pointer: cut($0.pointer, 24), detail: cut($0.detail, 24))
        }
        return refused(line, refusal, short[...], detail: nil)
    }

    private static func refused(
        _ line: Int, _ refusal: BatchRefusal, _ violations: ArraySlice<OrderRequest.Violation>, detail: String?
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("line", line)
            json.field("status", refusal.status.rawValue)
            json.field("title", refusal.title)
            if violations.isEmpty { json.field("detail", detail) } else { errors(violations, nil, &json) }
            if let retryAfter = refusal.retryAfter { json.field("retryAfter", retryAfter) }
        }
        return json.bytes + [0x0A]
    }

    /// - Parameter line: of the order, where several may have some.
    static func errors(_ violations: ArraySlice<OrderRequest.Violation>, _ line: Int?, _ json: inout JSONWriter) {
        json.key("errors")
        json.array { json in
            for violation in violations {
                json.object {
                    if let line { $0.field("line", line) }
                    $0.field("pointer", violation.pointer)
                    $0.field("detail", violation.detail)
                }
            }
        }
    }

    /// What has ended the answer before its time.
    static func problem(_ problem: HTTPProblem) -> [UInt8] { problem.response.body + [0x0A] }

    /// The last line: it says that the answer is whole.
    static func summary(_ batchID: String, _ counts: Counts) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.field("batchId", batchID)
            $0.field("lines", counts.lines)
            $0.field("accepted", counts.accepted)
            $0.field("refused", counts.refused)
            if counts.passing > 0 { $0.field("unavailable", counts.passing) }
        }
        return json.bytes + [0x0A]
    }

    struct Counts: Sendable {
        /// Stored, now or before.
        var accepted = 0
        /// For good.
        var refused = 0
        /// To be sent again.
        var passing = 0
        var lines: Int { accepted + refused + passing }
    }

    private static func cut(_ text: String, _ length: Int) -> String {
        text.unicodeScalars.count <= length
            ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(length))) + "…"
    }
}
