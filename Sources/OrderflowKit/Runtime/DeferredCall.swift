import Execution

/// A call to something that is made after the caller: ties the knot between a consumer and what its commits wake, and says
/// whether what was committed is of an express order.
public final class DeferredCall: Sendable {
    /// In a structure of its own: a bare function in generic storage is wrapped anew at each look at it, and the wrapped
    /// one written back, so that every call would go through all former ones' wrappings.
    private struct Target {
        let call: @Sendable (_ isExpress: Bool) -> Void
    }

    private let target = Monitor<Target?>(nil)

    public init() {}

    public func set(_ target: @escaping @Sendable (_ isExpress: Bool) -> Void) {
        self.target.withLock { $0 = Target(call: target) }
    }
    public func callAsFunction(isExpress: Bool = false) { target.withLock { $0 }?.call(isExpress) }
}
