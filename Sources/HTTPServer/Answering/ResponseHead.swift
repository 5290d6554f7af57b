import Glibc

/// How the connection goes on after an answer.
enum Persistence {
    /// HTTP/1.1: nothing needs saying.
    case keepAlive
    /// HTTP/1.0 has to be told.
    case keepAliveSaid
    case close
}

extension OutputBuffer {
    /// A whole answer. `isHead` leaves the content out but not its length (RFC 9110 §9.3.2).
    mutating func append(
        _ response: HTTPResponse, of route: Route?, and fields: [HTTPHeader] = [], isHead: Bool,
        persistence: Persistence, date: borrowing HTTPDate
    ) {
        appendStatusLine(response.status)
        append(date)
        if response.status.allowsContent {
            if let contentType = response.contentType {
                append("Content-Type: ")
                appendFieldValue(contentType)
                append("\r\n")
            }
            append("Content-Length: ")
            append(decimal: response.body.count)
            append("\r\n")
        }
        append(persistence)
        for header in response.headers { append(header) }
        if let route { append(route.headers, unlessIn: response.headers) }
        for field in fields { append(field) }
        append("\r\n")
        if response.status.allowsContent, !isHead { append(response.body) }
    }

    /// The head of an event stream; its content ends with the connection.
    mutating func appendStreamHead(
        _ headers: [HTTPHeader], of route: Route?, and fields: [HTTPHeader], date: borrowing HTTPDate
    ) {
        appendStatusLine(.ok)
        append(date)
        append("Content-Type: text/event-stream\r\n")
        append(Persistence.close)
        for header in headers { append(header) }
        append(Self.streamHeaders, unlessIn: headers)
        if let route { append(route.headers, unlessIn: headers + Self.streamHeaders) }
        for field in fields { append(field) }
        append("\r\n")
    }

    /// A stream is kept by no cache and by no proxy's buffer.
    private static let streamHeaders = [
        HTTPHeader("Cache-Control", "no-store"), HTTPHeader("X-Accel-Buffering", "no"),
    ]

    /// What holds for all answers of a route, where this one doesn't say otherwise.
    mutating func append(_ headers: [HTTPHeader], unlessIn own: [HTTPHeader]) {
        for header in headers where !own.contains(named: header.name) { append(header) }
    }

    mutating func appendStatusLine(_ status: HTTPStatus) {
        append("HTTP/1.1 ")
        append(decimal: status.rawValue)
        append(" ")
        append(status.reason)
        append("\r\n")
    }

    mutating func append(_ persistence: Persistence) {
        switch persistence {
        case .keepAlive: break
        case .keepAliveSaid: append("Connection: keep-alive\r\n")
        case .close: append("Connection: close\r\n")
        }
    }

    mutating func append(_ header: HTTPHeader) {
        guard !header.isServersBusiness else { return }
        append(header.name)
        append(": ")
        appendFieldValue(header.value)
        append("\r\n")
    }
}

extension HTTPHeader {
    /// Framing and date are set by the server alone. A name that isn't a token would break the head and is left out.
    fileprivate var isServersBusiness: Bool {
        var name = name
        return name.withUTF8 { bytes in
            guard !bytes.isEmpty, bytes.allSatisfy(ByteSet.token.contains) else { return true }
            return switch bytes.count {
            case 4: bytes.equalsIgnoringCase("date")
            case 10: bytes.equalsIgnoringCase("connection")
            case 14: bytes.equalsIgnoringCase("content-length")
            case 17: bytes.equalsIgnoringCase("transfer-encoding")
            default: false
            }
        }
    }
}

extension [HTTPHeader] {
    /// Whether there is a field of that name, in any case.
    func contains(named name: String) -> Bool {
        contains { header in
            header.name.utf8.count == name.utf8.count
                && zip(header.name.utf8, name.utf8).allSatisfy { ByteSet.lowercased($0) == ByteSet.lowercased($1) }
        }
    }
}

/// The `Date` line, written once a second.
struct HTTPDate: ~Copyable {
    static let length = 37
    private var second = Int.min
    fileprivate let line: UnsafeMutablePointer<UInt8>

    init() {
        line = .allocate(capacity: Self.length)
        line.initialize(repeating: 0x20, count: Self.length)
        refresh(Int(time(nil)))
    }

    deinit { line.deallocate() }

    /// Brings the line up to date with `now`, in seconds since 1970.
    mutating func refresh(_ now: Int) {
        guard now != second else { return }
        second = now
        let text = Array("Date: \(Self.format(now))\r\n".utf8)
        assert(text.count == Self.length)
        for index in 0..<min(text.count, Self.length) { line[index] = text[index] }
    }

    /// An IMF-fixdate (RFC 9110 §5.6.7). The civil date after Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms", `civil_from_days`.
    static func format(_ seconds: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let rest = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((days % 7) + 7) % 7]
        let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
        return "\(weekday), \(two(day)) \(name) \(year) "
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) GMT"
    }
}

extension OutputBuffer {
    mutating func append(_ date: borrowing HTTPDate) { append(date.line, count: HTTPDate.length) }
}
