import Foundation

/// Waits until `condition` is true; throws when it still isn't after `limit`. What the condition throws is thrown on.
public func eventually(
    within limit: Duration = .seconds(60), _ what: String, _ condition: () throws -> Bool
) throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        if .now > deadline { throw NeverHappened(what: what, limit: limit) }
        usleep(10_000)
    }
}

/// Waits until `condition` is true; throws when it still isn't after `limit`. What the condition throws is thrown on.
public func eventually(
    within limit: Duration = .seconds(60), _ what: String, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        if .now > deadline { throw NeverHappened(what: what, limit: limit) }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// What a test waited for in vain.
public struct NeverHappened: Error, CustomStringConvertible, Sendable {
    public let what: String
    public let limit: Duration

    public init(what: String, limit: Duration) {
        self.what = what
        self.limit = limit
    }

    public var description: String { "not within \(limit): \(what)" }
}
