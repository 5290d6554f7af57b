import Execution
import Messaging

/// What a process of a service does beside its consumer groups.
public struct Running: Sendable {
    /// On threads of their own.
    public var parts: [ThreadGroup.Part] = []
    /// Beside `/livez`, `/readyz` and `/metrics`.
    public var routes: [Routes] = []
    /// Whether answering requests needs the parts: the server drains before they stop, then, and else after, so that it
    /// can tell how the stopping goes.
    public var servesFromParts = false
    /// Called after each commit of the service's consumer groups, for who works on what they left behind.
    public var onCommit: @Sendable () -> Void = {}
    /// What may wait in the service's tables besides messages.
    public var backlog: [BacklogQuery] = []
    /// Runs first, and may keep the parts from starting by throwing.
    public var admission: (@Sendable ([ThreadGroup.Part]) -> [ThreadGroup.Part])?

    /// Makes of the process's gate one that lets more in.
    package var widening: (@Sendable (any AccessGate) -> any AccessGate)?
    /// How many are let in; nil is any number.
    package var limits: RequestLimits?
    /// What lets requests in; nothing is served without.
    package var gate: (any AccessGate)?

    public init(
        parts: [ThreadGroup.Part] = [], servesFromParts: Bool = false, onCommit: @escaping @Sendable () -> Void = {},
        backlog: [BacklogQuery] = [], admission: (@Sendable ([ThreadGroup.Part]) -> [ThreadGroup.Part])? = nil,
        routes: [Routes] = []
    ) {
        self.parts = parts
        self.routes = routes
        self.servesFromParts = servesFromParts
        self.onCommit = onCommit
        self.backlog = backlog
        self.admission = admission
    }

    /// Both.
    public mutating func join(_ other: Running) {
        parts += other.parts
        servesFromParts = servesFromParts || other.servesFromParts
        backlog += other.backlog
        onCommit = { [onCommit] in
            onCommit()
            other.onCommit()
        }
        if let admits = other.admission {
            let first = admission
            admission = { admits(first?($0) ?? $0) }
        }
        if let widens = other.widening {
            let first = widening
            widening = { widens(first?($0) ?? $0) }
        }
        routes += other.routes
    }
}
