import CLibcurl

/// Reads HTTP resources of our other daemons through libcurl: GET only, so that any of it may be tried again, and
/// straight to them, whatever proxy the environment names. The connection is kept between calls. One thread at a time.
public final class HTTPReader {
    public struct Configuration: Sendable {
        public var connectTimeout: Duration = .seconds(1)
        /// For the whole call.
        public var timeout: Duration = .seconds(2)
        /// A longer body is an error.
        public var bodyLimit = 1 << 20

        public init() {}
    }

    public struct Answer: Sendable {
        public let status: Int
        public let body: [UInt8]
    }

    /// No answer came, or not all of it.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let url: String
        public let reason: String

        public init(url: String, reason: String) {
            self.url = url
            self.reason = reason
        }

        public var description: String { "GET \(url): \(reason)" }
    }

    private let handle: UnsafeMutableRawPointer
    private let bodyLimit: Int

    public init(_ configuration: Configuration = Configuration()) throws(Failure) {
        _ = Curl.ready
        guard let handle = curl_easy_init() else { throw Failure(url: "", reason: "libcurl is out of memory") }
        self.handle = handle
        bodyLimit = configuration.bodyLimit
        orderflow_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        orderflow_curl_set_long(handle, CURLOPT_HTTPGET, 1)
        orderflow_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(configuration.connectTimeout / .milliseconds(1)))
        orderflow_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(configuration.timeout / .milliseconds(1)))
        _ = "http,https".withCString { orderflow_curl_set_pointer(handle, CURLOPT_PROTOCOLS_STR, $0) }
        _ = "*".withCString { orderflow_curl_set_pointer(handle, CURLOPT_NOPROXY, $0) }
        orderflow_curl_set_function(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, opaque in
            guard let bytes, let opaque else { return 0 }
            return Unmanaged<DownloadBuffer>.fromOpaque(opaque).takeUnretainedValue().take(bytes, size * count)
        }
    }

    deinit { curl_easy_cleanup(handle) }

    /// - Parameter headers: names and values without line breaks.
    public func get(_ url: String, headers: [(name: String, value: String)] = []) throws(Failure) -> Answer {
        let download = DownloadBuffer(limit: bodyLimit)
        var list: UnsafeMutablePointer<curl_slist>?
        for header in headers { list = curl_slist_append(list, "\(header.name): \(header.value)") }
        defer { curl_slist_free_all(list) }
        let code = url.withCString { text in
            orderflow_curl_set_pointer(handle, CURLOPT_URL, text)
            orderflow_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)
            orderflow_curl_set_pointer(handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(download).toOpaque())
            defer { orderflow_curl_set_pointer(handle, CURLOPT_HTTPHEADER, nil) }
            return withExtendedLifetime(download) { curl_easy_perform(handle) }
        }
        guard code == CURLE_OK else {
            throw Failure(url: url, reason: download.isFull ? "more than \(bodyLimit) bytes" : Curl.message(code))
        }
        var status = 0
        orderflow_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return Answer(status: status, body: download.bytes)
    }

    /// `text` as one segment of a path (RFC 3986 §2.3: all but unreserved characters are encoded).
    public static func segment(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }
}

/// Bytes that libcurl writes while it receives.
private final class DownloadBuffer {
    private(set) var bytes: [UInt8] = []
    private(set) var isFull = false
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Anything but `count` makes libcurl give up.
    func take(_ source: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        guard bytes.count + count <= limit else {
            isFull = true
            return 0
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: source, count: count))
        return count
    }
}
