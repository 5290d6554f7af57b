/// What a browser's page may do here: under which names the server answers, and which pages of other origins (RFC 6454)
/// may send requests and read their answers (CORS, the WHATWG Fetch standard). Judged before a route is looked for, so
/// that it holds for every route alike.
///
/// A browser says `Origin` with every request that a page isn't free to make, forms that are posted across sites and
/// those without a body among them. One that is neither ours nor allowed is refused, whatever the route. Programs that
/// aren't browsers say none, and nothing changes for them.
public struct SitePolicy: Sendable {
    private let names: HostNames
    private let origins: [[UInt8]]

    /// - Parameters:
    ///   - names: others are answered 421 (RFC 9110 §15.5.20).
    ///   - origins: of the pages that may send requests, as browsers write them: `https://shop.example`. Nothing of
    ///     what a browser keeps for us, such as cookies, goes along with theirs.
    public init(names: HostNames = .any, origins: [String] = []) {
        self.names = names
        self.origins = origins.map { Array($0.lowercased().utf8) }
    }

    /// Whether pages of other origins may send requests at all.
    var admitsPages: Bool { !origins.isEmpty }

    /// Throws for a request that isn't to be looked at. Returns fields of its answer, whatever that will be.
    func judge(_ head: RequestHead, _ fields: HeaderFields) throws(HTTPProblem) -> [HTTPHeader] {
        let host = fields.first(named: "host")
        if let host, !names.allows(host) {
            throw HTTPProblem(
                .misdirectedRequest,
                detail: "this server doesn't answer to the name in Host; see the setting http.allowed_hosts")
        }
        var answer = admitsPages ? Self.varying : []
        var hasOrigin = false
        for field in fields.all where fields.isNamed(field, "origin") {
            hasOrigin = true
            let origin = fields.value(of: field)
            if origins.contains(where: { origin.equalsIgnoringCase($0) }) {
                answer.append(HTTPHeader("Access-Control-Allow-Origin", String(decoding: origin, as: UTF8.self)))
                answer.append(Self.readable)
            } else if !Self.isOwn(origin, host) {
                throw Self.foreign
            }
        }
        // Browsers of today say Origin with every write. Where a proxy has taken it away, this is left.
        if !hasOrigin, head.method?.isSafe == false, let site = fields.first(named: "sec-fetch-site"),
            site.equalsIgnoringCase("cross-site") || site.equalsIgnoringCase("same-site")
        {
            throw Self.foreign
        }
        return answer
    }

    /// The rest of the answer to an allowed page that asks what it may send.
    ///
    /// - Parameter methods: the path's, as in `Allow`.
    func preflight(_ methods: String) -> [HTTPHeader] {
        admitsPages ? [HTTPHeader("Access-Control-Allow-Methods", methods)] + Self.preflightFields : []
    }

    /// Whether a page's origin is where its request goes. The scheme isn't looked at: with a proxy in front, which has
    /// the TLS, ours isn't the browser's.
    private static func isOwn(_ origin: UnsafeBufferPointer<UInt8>, _ host: UnsafeBufferPointer<UInt8>?) -> Bool {
        guard let host, !host.isEmpty, let colon = origin.firstIndex(of: UInt8(ascii: ":")), colon + 2 < origin.count,
            origin[colon + 1] == UInt8(ascii: "/"), origin[colon + 2] == UInt8(ascii: "/")
        else { return false }
        let scheme = UnsafeBufferPointer(rebasing: origin[..<colon])
        guard scheme.equalsIgnoringCase("http") || scheme.equalsIgnoringCase("https") else { return false }
        return UnsafeBufferPointer(rebasing: origin[(colon + 3)...]).equalsIgnoringCase(host)
    }

    private static let foreign = HTTPProblem(
        .forbidden, title: "Foreign page",
        detail: "pages of this origin may not send requests here; see the setting http.cors_origins")
    /// A cache must not give one page's answer to another.
    private static let varying = [HTTPHeader("Vary", "Origin")]
    private static let readable = HTTPHeader(
        "Access-Control-Expose-Headers",
        "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "
            + "X-Correlation-Id")
    private static let preflightFields = [
        HTTPHeader(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, "
                + "traceparent, X-Correlation-Id, X-Tenant-Id"),
        HTTPHeader("Access-Control-Max-Age", "600"),
    ]
}
