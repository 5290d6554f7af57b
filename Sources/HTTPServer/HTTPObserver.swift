/// Told what the server does, for metrics and traces. Called on the loops' threads, so it must be quick and must not
/// block.
public protocol HTTPObserver: Sendable {
    /// A request is here, and its handler about to be called. What is returned goes with the request: the handler finds
    /// it as `HTTPRequest.observation`, and exactly one of the two calls that end it brings it back.
    func requestBegins(_ request: borrowing HTTPRequest) -> (any Sendable)?
    /// The client went before there was an answer.
    func requestAbandoned(_ observation: any Sendable)
    /// An answer was handed to the kernel or queued for it; for an event stream, its head.
    func requestFinished(_ request: FinishedHTTPRequest)
    func connectionOpened()
    func connectionClosed()
    /// A connection was turned away.
    func connectionRefused(_ reason: ConnectionRefusal)
}

extension HTTPObserver {
    public func requestBegins(_ request: borrowing HTTPRequest) -> (any Sendable)? { nil }
    public func requestAbandoned(_ observation: any Sendable) {}
    public func requestFinished(_ request: FinishedHTTPRequest) {}
    public func connectionOpened() {}
    public func connectionClosed() {}
    public func connectionRefused(_ reason: ConnectionRefusal) {}
}

/// Why a connection was turned away.
public enum ConnectionRefusal: String, Sendable, CaseIterable {
    /// `Limits.connections` are open.
    case connections
    /// `Limits.connectionsPerAddress` are open from this address.
    case connectionsPerAddress = "connections_per_address"
    /// The process or the system is out of file descriptors or memory for them.
    case descriptors
}

/// One answered request.
public struct FinishedHTTPRequest: Sendable {
    /// The pattern of the route; nil when none was reached. Never the path: that would make endless label values.
    public let route: String?
    /// Nil when the request was refused before its method was known.
    public let method: HTTPMethod?
    public let status: Int
    /// From the end of the head to the answer.
    public let nanoseconds: UInt64
    public let requestBytes: Int
    public let responseBytes: Int
    /// What `requestBegins` gave to it.
    public let observation: (any Sendable)?
}
