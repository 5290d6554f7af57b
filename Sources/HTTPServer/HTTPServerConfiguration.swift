import Glibc

/// Where the server listens and how much it puts up with.
public struct HTTPServerConfiguration: Sendable {
    /// An IPv4 or IPv6 address, or a name that resolves to some; all of them are bound. There is no TLS: anything but
    /// a loopback address belongs behind a proxy.
    public var host = "127.0.0.1"
    /// 0 takes a free one.
    public var port: UInt16 = 3000
    /// Event loops, each with a thread and a listening socket of its own.
    public var loops = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Under which names it answers, and to which pages.
    public var site = SitePolicy()
    /// Whose `X-Forwarded-For` counts.
    public var proxies = TrustedProxies()
    public var limits = Limits()
    public var timeouts = Timeouts()

    public init() {}

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Sizes in bytes, unless the name says otherwise.
    public struct Limits: Sendable {
        /// 414 beyond.
        public var requestLineBytes = 4 << 10
        /// Request line, header fields and the empty line; 431 beyond. At most 65535: offsets in a head have 16 bits.
        public var headBytes = 8 << 10
        /// 431 beyond.
        public var headerCount = 64
        /// Of every route, unless its own limit is smaller; 413 beyond.
        public var bodyBytes = 64 << 10
        /// A chunk's size in hexadecimal; 400 beyond.
        public var chunkLineBytes = 32
        /// The extensions of all chunks of a body together; 400 beyond.
        public var chunkExtensionBytes = 4 << 10
        /// 431 beyond.
        public var trailerLines = 16
        /// 431 beyond.
        public var trailerBytes = 1 << 10
        /// Open connections of the whole server; 503 beyond.
        public var connections = 10_000
        /// Open connections of one remote address; 429 beyond. Nil when a proxy is in front: all come from it.
        public var connectionsPerAddress: Int?
        /// Answers that a client hasn't taken yet. Beyond it nothing more is read from that connection.
        public var unsentBytes = 256 << 10
        /// The same over all connections, event streams included. Beyond it a GET whose answer is large gets a 503
        /// instead, nothing more is read from who hasn't taken all of his answers, and a stream that waits is ended.
        public var totalUnsentBytes = 64 << 20
        /// Events waiting for one client of an event stream. A client that falls behind further is disconnected.
        public var streamBytes = 256 << 10
        /// Connections the kernel completes and holds until they are accepted.
        public var backlog: Int32 = 1024

        public init() {}
    }

    public struct Timeouts: Sendable {
        /// From a request's first byte to the end of its head; 408 beyond. More bytes don't extend it.
        public var head: Duration = .seconds(10)
        /// From the end of the head to the end of the body; 408 beyond.
        public var body: Duration = .seconds(20)
        /// From the end of the head to the end of a body that is taken in pieces; each `body` of it has to bring what
        /// `leastRate` asks for.
        public var upload: Duration = .seconds(600)
        /// Between requests, and before the first.
        public var idle: Duration = .seconds(30)
        /// While an answer waits to be taken, how often it is looked at what the client has acknowledged. It is cut off
        /// where that is less than `leastRate` for as long.
        public var write: Duration = .seconds(20)
        /// Bytes a second that a client has to send of a body that is taken in pieces, and has to take while there is something for it; sixteen times as many while more than
        /// half of `totalUnsentBytes` is used.
        public var leastRate = 1 << 10
        /// For the client to read an error and close, before the connection is torn down.
        public var linger: Duration = .seconds(2)
        /// Between the comments that keep an idle event stream open through proxies.
        public var heartbeat: Duration = .seconds(15)

        public init() {}
    }

    /// Traps on values that can't work: a mistake in the program, since command lines are checked where they are read.
    func validate() {
        precondition((1...1024).contains(loops), "loops: \(loops)")
        precondition((64...65_535).contains(limits.headBytes), "headBytes: \(limits.headBytes)")
        precondition((16...limits.headBytes).contains(limits.requestLineBytes), "requestLineBytes")
        precondition((1...4096).contains(limits.headerCount), "headerCount: \(limits.headerCount)")
        precondition((0...(1 << 40)).contains(limits.bodyBytes), "bodyBytes: \(limits.bodyBytes)")
        precondition((1...1 << 24).contains(limits.connections), "connections: \(limits.connections)")
        precondition(limits.unsentBytes > 0 && limits.streamBytes > 0, "unsentBytes, streamBytes")
        precondition(limits.totalUnsentBytes > 0, "totalUnsentBytes: \(limits.totalUnsentBytes)")
        precondition((1...1 << 30).contains(timeouts.leastRate), "leastRate: \(timeouts.leastRate)")
        precondition((0...1 << 16).contains(limits.chunkExtensionBytes), "chunkExtensionBytes")
    }
}
