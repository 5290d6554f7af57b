import Execution

/// A call to something that is made after the caller: ties the knot between a consumer and what its commits wake.
package final class Relayed: Sendable {
    private let target = Monitor<(@Sendable () -> Void)?>(nil)

    package init() {}

    package func set(_ target: @escaping @Sendable () -> Void) { self.target.withLock { $0 = target } }
    package func call() { target.withLock { $0 }?() }
}
