import CLibcurl
import Execution

/// Calls an HTTP service by libcurl, blocking the calling thread for a bounded time. Any thread may call, several at
/// once; connections are kept and used again. Redirects aren't followed: a body must not go where nobody sent it.
public final class HTTPClient: Sendable {
    public struct Configuration: Sendable {
        public var connectTimeout: Duration = .seconds(3)
        /// For the whole call, connecting included.
        public var timeout: Duration = .seconds(10)
        /// Head and body of an answer together, in bytes. Of a longer one the beginning is kept.
        public var responseLimit = 1 << 20
        /// Connections kept for later; more may be open at once.
        public var idleLimit = 16
        /// Whether a proxy that the environment names is used (libcurl-env(3)).
        public var usesProxies = true
        /// A PEM file with the certificates that a server's is checked by; nil is the system's.
        public var certificateAuthorities: String?

        public init() {}

        /// For our own daemons: they answer soon or not at all, and no proxy stands between.
        public static var ownDaemons: Configuration {
            var configuration = Configuration()
            configuration.connectTimeout = .seconds(1)
            configuration.timeout = .seconds(2)
            configuration.usesProxies = false
            return configuration
        }
    }

    public struct Request: Sendable {
        public var url: String
        /// Nil for a GET, else a POST.
        public var body: [UInt8]?
        public var headers: [(name: String, value: String)]

        public init(url: String, body: [UInt8]? = nil, headers: [(name: String, value: String)] = []) {
            self.url = url
            self.body = body
            self.headers = headers
        }
    }

    public struct Response: Sendable {
        public let status: Int
        /// As much of it as came within the limit.
        public let body: [UInt8]
        /// Whether there was more.
        public let isTruncated: Bool
        /// `Retry-After`, in whichever of its two forms; nil without one.
        public let retryAfter: Duration?
        /// The lines of the head, as they came.
        let head: [UInt8]

        /// The first field of that name, in any case, without blanks around it; nil where there is none.
        public func header(_ name: String) -> String? {
            for line in String(decoding: head, as: UTF8.self).split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { continue }
                return String(
                    parts[1].drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            }
            return nil
        }
    }

    private let configuration: Configuration
    private let idle = Monitor<[HTTPHandle]>([])

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        _ = Curl.ready
    }

    /// Sends one request and returns the answer, whatever its status.
    public func send(_ request: Request) throws(HTTPClientError) -> Response {
        guard request.url.hasPrefix("http://") || request.url.hasPrefix("https://") else {
            throw .notSent("the URL must start with http:// or https://")
        }
        for (name, value) in request.headers where !Self.isHeader(name, value) {
            throw .notSent("header \(name) has characters that no header may have")
        }
        guard let handle = idle.withLock({ $0.popLast() }) ?? HTTPHandle(configuration) else {
            throw .notSent("libcurl is out of memory")
        }
        let response = try handle.perform(request, limit: configuration.responseLimit)
        // A handle whose call has failed goes, and its connection with it.
        idle.withLock { if $0.count < configuration.idleLimit { $0.append(handle) } }
        return response
    }

    /// RFC 9110 §5.1, §5.5: a value that could start a header of its own is refused.
    static func isHeader(_ name: String, _ value: String) -> Bool {
        let isToken = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        return !name.isEmpty && isToken && !value.isEmpty
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}

/// Why there is no answer. What matters to the caller is whether the other side can have acted.
public enum HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was sent: the other side knows nothing.
    case notSent(String)
    /// The request, or a part of it, went out; the other side may have acted on it.
    case outcomeUnknown(String)

    public var description: String {
        switch self {
        case .notSent(let reason): "not sent: \(reason)"
        case .outcomeUnknown(let reason): "no answer: \(reason)"
        }
    }
}

/// One libcurl handle with the connections that it keeps.
///
/// `@unchecked Sendable`: libcurl allows a handle to move between threads while no two use it at once, and `HTTPClient`
/// takes it out of its list for the time of a call.
private final class HTTPHandle: @unchecked Sendable {
    private let raw: UnsafeMutableRawPointer

    init?(_ configuration: HTTPClient.Configuration) {
        guard let raw = curl_easy_init() else { return nil }
        self.raw = raw
        orderflow_curl_set_long(raw, CURLOPT_NOSIGNAL, 1)
        orderflow_curl_set_long(raw, CURLOPT_FOLLOWLOCATION, 0)
        orderflow_curl_set_long(raw, CURLOPT_CONNECTTIMEOUT_MS, Int(configuration.connectTimeout / .milliseconds(1)))
        orderflow_curl_set_long(raw, CURLOPT_TIMEOUT_MS, Int(configuration.timeout / .milliseconds(1)))
        if !configuration.usesProxies {
            _ = "*".withCString { orderflow_curl_set_pointer(raw, CURLOPT_NOPROXY, $0) }
        }
        // libcurl keeps a copy (CURLOPT_CAINFO(3)).
        if let path = configuration.certificateAuthorities {
            _ = path.withCString { orderflow_curl_set_pointer(raw, CURLOPT_CAINFO, $0) }
        }
        orderflow_curl_set_function(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, opaque in
            HTTPHandle.receive(bytes, size * count, opaque, isBody: true)
        }
        orderflow_curl_set_function(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, opaque in
            HTTPHandle.receive(bytes, size * count, opaque, isBody: false)
        }
    }

    deinit { curl_easy_cleanup(raw) }

    /// What has come of an answer.
    private final class Download {
        let limit: Int
        var received = 0
        var head: [UInt8] = []
        var body: [UInt8] = []
        init(limit: Int) { self.limit = limit }
    }

    /// Returning another count than was given ends the transfer (CURLOPT_WRITEFUNCTION(3)).
    private static func receive(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ opaque: UnsafeMutableRawPointer?, isBody: Bool
    ) -> Int {
        guard let bytes, let opaque else { return 0 }
        let download = Unmanaged<Download>.fromOpaque(opaque).takeUnretainedValue()
        download.received += count
        guard download.received <= download.limit else { return 0 }
        let received = UnsafeRawBufferPointer(start: bytes, count: count)
        if isBody { download.body.append(contentsOf: received) } else { download.head.append(contentsOf: received) }
        return count
    }

    func perform(_ request: HTTPClient.Request, limit: Int) throws(HTTPClientError) -> HTTPClient.Response {
        let download = Download(limit: limit)
        // A body isn't held back for a "100 Continue" that few servers send.
        var headers = curl_slist_append(nil, "Expect:")
        for (name, value) in request.headers { headers = curl_slist_append(headers, "\(name): \(value)") }
        defer { curl_slist_free_all(headers) }
        let opaque = Unmanaged.passUnretained(download).toOpaque()
        orderflow_curl_set_pointer(raw, CURLOPT_HTTPHEADER, headers)
        orderflow_curl_set_pointer(raw, CURLOPT_WRITEDATA, opaque)
        orderflow_curl_set_pointer(raw, CURLOPT_HEADERDATA, opaque)
        let body = request.body ?? []
        let code = request.url.withCString { url in
            body.withUnsafeBytes { bytes in
                orderflow_curl_set_pointer(raw, CURLOPT_URL, url)
                if request.body == nil {
                    orderflow_curl_set_long(raw, CURLOPT_HTTPGET, 1)
                } else {
                    orderflow_curl_set_long(raw, CURLOPT_POST, 1)
                    orderflow_curl_set_long(raw, CURLOPT_POSTFIELDSIZE, bytes.count)
                    orderflow_curl_set_pointer(raw, CURLOPT_POSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(url))
                }
                return withExtendedLifetime(download) { curl_easy_perform(raw) }
            }
        }
        var status = 0
        orderflow_curl_get_long(raw, CURLINFO_RESPONSE_CODE, &status)
        // The connection of a transfer that was ended is closed.
        let isTruncated = download.received > download.limit && status > 0
        guard code == CURLE_OK || isTruncated else { throw failure(code) }
        var wait: curl_off_t = 0
        orderflow_curl_get_offset(raw, CURLINFO_RETRY_AFTER, &wait)
        return HTTPClient.Response(
            status: status, body: download.body, isTruncated: isTruncated,
            retryAfter: wait > 0 ? .seconds(Int64(wait)) : nil, head: download.head)
    }

    private func failure(_ code: CURLcode) -> HTTPClientError {
        // Bytes of requests that went out; none where connecting or the TLS handshake failed.
        var sent = 0
        orderflow_curl_get_long(raw, CURLINFO_REQUEST_SIZE, &sent)
        let reason = Curl.message(code)
        return sent == 0 ? .notSent(reason) : .outcomeUnknown(reason)
    }
}
