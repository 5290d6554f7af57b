import Execution

/// The work of another thread, and a way to wait for its end that fails instead of hanging.
final class Companion<Value: Sendable>: Sendable {
    struct TooSlow: Error {}
    private let outcome = Monitor<Result<Value, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Value) {
        DedicatedThread.start("companion") { [outcome] in
            let result = Result { try body() }
            outcome.update { $0 = result }
        }
    }

    func value(within timeout: Duration = .seconds(30)) throws -> Value {
        guard let result = outcome.wait(for: timeout, { $0 }) else { throw TooSlow() }
        return try result.get()
    }
}
