/// What load to make, and for how long.
public struct LoadPlan: Sendable {
    /// A numeric address or a name.
    public var host: String
    public var port: UInt16
    /// Keep-alive connections, each with one request in flight at most.
    public var connections = 64
    /// Requests a second, whether answers come or not (open loop). Nil: each connection sends its next request as soon
    /// as it has its answer (closed loop).
    public var rate: Double?
    /// How long to measure.
    public var duration: Duration = .seconds(10)
    /// Runs before the measurement and isn't part of it.
    public var warmUp: Duration = .seconds(2)
    /// Ends the run earlier, after this many requests.
    public var requests: Int?
    /// How long to wait for outstanding answers at the end.
    public var patience: Duration = .seconds(5)
    public var path = "/orders"
    /// Fields of every request besides those that it needs anyway.
    public var headers: [(name: String, value: String)] = []

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

public enum LoadError: Error, Sendable, CustomStringConvertible {
    case unknownHost(String, reason: String)
    case cannotConnect(String, reason: String)
    case system(call: String, errno: Int32)

    public var description: String {
        switch self {
        case .unknownHost(let host, let reason): "\(host): \(reason)"
        case .cannotConnect(let address, let reason): "can't connect to \(address): \(reason)"
        case .system(let call, let errno): "\(call): error \(errno)"
        }
    }
}
