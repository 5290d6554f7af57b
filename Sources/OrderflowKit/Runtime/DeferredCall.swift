import Execution

/// A call to something that is made after the caller: ties the knot between a consumer and what its commits wake.
public final class DeferredCall: Sendable {
    private let target = Monitor<(@Sendable () -> Void)?>(nil)

    public init() {}

    public func set(_ target: @escaping @Sendable () -> Void) { self.target.withLock { $0 = target } }
    public func callAsFunction() { target.withLock { $0 }?() }
}
