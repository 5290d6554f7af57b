import CLibcurl
import Execution
import Glibc
import Networks

/// One request under way: its handle, and what has come of the answer.
final class Transfer {
    let handle: UnsafeMutableRawPointer
    let whenDone: @Sendable (Result<DeliveryAnswer, DeliveryFailure>) -> Void
    private let url: DeliveryURL
    private let configuration: ConcurrentSender.Configuration
    private let timeout: Duration
    private let headers: UnsafeMutablePointer<curl_slist>?
    /// libcurl's words for what went wrong (CURLOPT_ERRORBUFFER(3)).
    private let complaint: UnsafeMutablePointer<CChar>
    private var received = 0
    /// Whether the answer's head has come to its end: libcurl takes a connection's end for one too.
    private var hasHead = false
    private var body: [UInt8] = []
    /// Why an address was not called.
    private var refusal: String?
    /// Whether any address may have been.
    private var hasOpened = false

    /// - Parameter left: how much of its time the request still has.
    init(
        _ parcel: TransferInbox.Parcel, within left: Duration, _ configuration: ConcurrentSender.Configuration
    ) throws(DeliveryFailure) {
        let request = parcel.request
        do throws(DeliveryURLError) { url = try DeliveryURL(request.url) } catch { throw .refused("\(error)") }
        for (name, value) in request.headers where !HTTPClient.isHeader(name, value) {
            throw .refused("header \(name) has characters that no header may have")
        }
        guard let handle = curl_easy_init() else { throw .unreachable("out of memory") }
        self.handle = handle
        self.configuration = configuration
        whenDone = parcel.whenDone
        timeout = request.timeout
        complaint = .allocate(capacity: Int(CURL_ERROR_SIZE))
        complaint.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        // A body isn't held back for a "100 Continue" that few servers send.
        var headers = curl_slist_append(nil, "Expect:")
        for (name, value) in request.headers { headers = curl_slist_append(headers, "\(name): \(value)") }
        self.headers = headers
        setLimits(left)
        setCallbacks()
        orderflow_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        _ = url.text.withCString { orderflow_curl_set_pointer(handle, CURLOPT_URL, $0) }
        orderflow_curl_set_long(handle, CURLOPT_POST, 1)
        orderflow_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, request.body.count)
        // Copied: without a byte, of anything that isn't null.
        _ = (request.body + [0]).withUnsafeBytes {
            orderflow_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
        }
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headers)
        complaint.deallocate()
    }

    private func setLimits(_ left: Duration) {
        func milliseconds(_ duration: Duration) -> Int {
            Int(duration.clamped(to: .milliseconds(1) ... .seconds(86_400)) / .milliseconds(1))
        }
        func set(_ option: CURLoption, _ text: String) {
            _ = text.withCString { orderflow_curl_set_pointer(handle, option, $0) }
        }
        orderflow_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        orderflow_curl_set_long(handle, CURLOPT_TIMEOUT_MS, milliseconds(left))
        orderflow_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(configuration.connectTimeout))
        // A name server that doesn't answer would else hold up every transfer of the thread: libcurl waits for the thread
        // that asks it before it lets go of a handle (lib/asyn-thread.c).
        orderflow_curl_set_long(handle, CURLOPT_QUICK_EXIT, 1)
        orderflow_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // An empty name is none, whatever the environment says.
        set(CURLOPT_PROXY, "")
        orderflow_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        orderflow_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
        orderflow_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
        if let authorities = configuration.authorities { set(CURLOPT_CAINFO, authorities) }
    }

    private func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        orderflow_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, complaint)
        orderflow_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        orderflow_curl_set_function(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Transfer.at(context)?.receive(bytes, size * count, isBody: true) ?? 0
        }
        orderflow_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        orderflow_curl_set_function(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Transfer.at(context)?.receive(bytes, size * count, isBody: false) ?? 0
        }
        orderflow_curl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, context)
        orderflow_curl_set_opener(handle) { context, _, address in
            guard let transfer = Transfer.at(context), let address else { return CURL_SOCKET_BAD }
            return transfer.open(address)
        }
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: What libcurl asks

    /// A socket for an address, before anything is sent there; libcurl goes on to the name's next one without it.
    private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        guard let ip = IPAddress(orderflow_curl_address(address)) else { return CURL_SOCKET_BAD }
        if let purpose = configuration.rules.refusal(of: ip) {
            // What a name of our own network leads to is nobody's business.
            refusal = url.address == nil ? "its name leads to an address that is \(purpose)" : "\(ip) is \(purpose)"
            return CURL_SOCKET_BAD
        }
        hasOpened = true
        return socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }

    /// Returning another count than was given ends the transfer (CURLOPT_WRITEFUNCTION(3)), and its connection.
    private func receive(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, isBody: Bool) -> Int {
        guard let bytes else { return 0 }
        let room = max(0, configuration.answerLimit - received)
        received += count
        let came = UnsafeRawBufferPointer(start: bytes, count: count)
        if isBody {
            body.append(contentsOf: came.prefix(room))
        } else {
            // A line each. An interim answer (RFC 9110 §15.2) has a head of its own before the one that counts.
            hasHead = came.elementsEqual("\r\n".utf8) || came.elementsEqual("\n".utf8)
        }
        return received <= configuration.answerLimit ? count : 0
    }

    // MARK: How it ended

    func result(_ code: CURLcode) -> Result<DeliveryAnswer, DeliveryFailure> {
        var status = 0
        orderflow_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        let wasCutByUs = received > configuration.answerLimit && status >= 200
        guard code == CURLE_OK || wasCutByUs else { return .failure(failure(code)) }
        guard hasHead || wasCutByUs else { return .failure(.cut("the head of the answer has no end")) }
        var wait: curl_off_t = 0
        orderflow_curl_get_offset(handle, CURLINFO_RETRY_AFTER, &wait)
        let retryAfter: Duration? = wait > 0 ? .seconds(min(Int64(wait), Self.longestWait)) : nil
        return .success(DeliveryAnswer(status: status, retryAfter: retryAfter, body: body))
    }

    /// A year: who says more means never, and a number that no clock can reach must not get into one.
    private static let longestWait: Int64 = 31_557_600

    private func failure(_ code: CURLcode) -> DeliveryFailure {
        if let refusal, !hasOpened { return .refused(refusal) }
        let words = String(cString: complaint)
        let reason = words.isEmpty ? Curl.message(code) : words
        // Bytes of requests that went out; none where connecting or the TLS handshake failed.
        var sent = 0
        orderflow_curl_get_long(handle, CURLINFO_REQUEST_SIZE, &sent)
        return switch code {
        case CURLE_OPERATION_TIMEDOUT where sent > 0: .timedOut("no whole answer within \(timeout)")
        case CURLE_OPERATION_TIMEDOUT where hasOpened:
            .timedOut("no connection within \(min(timeout, configuration.connectTimeout))")
        case CURLE_OPERATION_TIMEDOUT:
            .timedOut("no address for \(url.host) within \(min(timeout, configuration.connectTimeout))")
        case CURLE_COULDNT_RESOLVE_HOST: .unresolved(reason)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .refused(reason)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tls(reason)
        default: sent > 0 ? .cut(reason) : .unreachable(reason)
        }
    }
}
