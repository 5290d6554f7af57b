import Execution

/// A call to something that is made after the caller: ties the knot between a consumer and what its commits wake.
public final class DeferredCall: Sendable {
    /// In a structure of its own: a bare function in generic storage is wrapped anew at each look at it, and the wrapped
    /// one written back, so that every call would go through all former ones' wrappings.
    private struct Target {
        let call: @Sendable () -> Void
    }

    private let target = Monitor<Target?>(nil)

    public init() {}

    public func set(_ target: @escaping @Sendable () -> Void) { self.target.withLock { $0 = Target(call: target) } }
    public func callAsFunction() { target.withLock { $0 }?.call() }
}
