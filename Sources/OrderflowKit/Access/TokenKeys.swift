import Execution
import Foundation
import Logging
import Outbound
import Synchronization
import WebTokens

/// The identity provider's keys, from a file or a URL, looked at again by age and when a token names one that isn't
/// known. Read on a thread of its own: no request waits for the provider.
final class TokenKeys: Sendable {
    enum Source: Sendable {
        case file(String)
        case url(String)
    }

    private struct State {
        var keys: JSONWebKeySet?
        /// Why they couldn't be read the last time; nil where they could.
        var problem: String? = "not read yet"
        /// A token has named a key that isn't there.
        var isWanted = false
        var isStopped = false
    }

    /// Looks for an unknown key are at least so far apart, whatever tokens strangers send.
    static let wantedInterval: Duration = .seconds(30)
    /// How old keys of a URL become; a file costs nothing to look at.
    private static let age: Duration = .seconds(300)
    private static let fileAge: Duration = .seconds(10)

    private let source: Source
    private let wantedInterval: Duration
    private let client: HTTPClient
    private let logger: Logger
    private let state = Monitor(State())
    private let changes = Atomic<Int>(0)

    /// Reads a file at once: one that is no key set is a mistake in the configuration.
    ///
    /// - Parameter wantedInterval: looks for an unknown key are at least so far apart, whatever tokens strangers send.
    init(_ source: Source, wantedInterval: Duration = .seconds(30), logger: Logger) throws {
        self.source = source
        self.wantedInterval = wantedInterval
        self.logger = logger
        var http = HTTPClient.Configuration()
        http.timeout = .seconds(5)
        http.responseLimit = JSONWebKeySet.documentLimit + (64 << 10)
        client = HTTPClient(http)
        if case .file = source { take(try read()) }
    }

    /// Counts the changes of the key set: what was checked by an earlier one is to be checked again.
    var epoch: Int { changes.load(ordering: .acquiring) }

    /// The keys, and the epoch that they are of.
    func current() throws(IdentityRefusal) -> (keys: JSONWebKeySet, epoch: Int) {
        // The epoch first: should they change in between, what is found is checked once more.
        let epoch = epoch
        guard let keys = state.withLock(\.keys) else { throw .tokenKeysAway }
        return (keys, epoch)
    }

    /// What a token is answered whose key isn't among them, and a look for it as soon as it may be.
    func unknownKey() -> IdentityRefusal {
        let problem = state.update { state in
            state.isWanted = true
            return state.problem
        }
        return problem == nil ? .token(.unknownKey) : .tokenKeysAway
    }

    var health: HealthStatus {
        state.withLock { state in
            guard let problem = state.problem else { return .ready }
            return state.keys == nil ? .notReady(problem) : .degraded(problem)
        }
    }

    /// Blocks the calling thread until `stop`.
    func run(until stop: StopSignal) {
        stop.onStop { [state] in state.update { $0.isStopped = true } }
        var backoff = Backoff(base: .seconds(1), cap: .seconds(30))
        while !stop.isStopped {
            let pause: Duration
            do {
                take(try read())
                backoff.reset()
                if case .file = source { pause = Self.fileAge } else { pause = Self.age }
            } catch {
                let problem = "the identity provider's keys can't be read: \(error)"
                let isNew = state.withLock { state in
                    defer { state.problem = problem }
                    return state.problem != problem
                }
                if isNew { logger.warning("token_keys_unreadable", metadata: ["error": "\(error)"]) }
                pause = backoff.next()
            }
            wait(pause)
        }
    }

    /// For `pause`, or until a token names an unknown key and it may be looked for.
    private func wait(_ pause: Duration) {
        let earliest = min(pause, wantedInterval)
        let isStopped = state.wait(for: earliest) { $0.isStopped ? true : nil } ?? false
        guard !isStopped, pause > earliest else { return }
        _ = state.wait(for: pause - earliest) { state -> Bool? in
            guard state.isWanted || state.isStopped else { return nil }
            state.isWanted = false
            return true
        }
    }

    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private func read() throws -> JSONWebKeySet {
        switch source {
        case .file(let path):
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw Unreadable(description: "auth.jwks_file: \(path) can't be opened")
            }
            defer { try? file.close() }
            do {
                let data = try file.read(upToCount: JSONWebKeySet.documentLimit + 1) ?? Data()
                return try JSONWebKeySet(Array(data))
            } catch {
                throw Unreadable(description: "auth.jwks_file: \(path): \(error)")
            }
        case .url(let url):
            let answer = try client.send(HTTPClient.Request(url: url, headers: [("Accept", "application/json")]))
            guard answer.status == 200, !answer.isTruncated else {
                throw Unreadable(description: "status \(answer.status)\(answer.isTruncated ? ", too long" : "")")
            }
            return try JSONWebKeySet(answer.body)
        }
    }

    private func take(_ keys: JSONWebKeySet) {
        let isNew = state.withLock { state in
            state.problem = nil
            guard state.keys?.document != keys.document else { return false }
            state.keys = keys
            return true
        }
        guard isNew else { return }
        changes.add(1, ordering: .releasing)
        logger.info("token_keys_read", metadata: ["keys": "\(keys.count)"])
        for reason in keys.skipped { logger.warning("token_key_skipped", metadata: ["reason": "\(reason)"]) }
    }
}
