import Execution
import OrderflowKit
import Outbound

/// Asks one process again and again how it fares, on a thread of its own, so that one that hangs holds up no other.
/// Remembers its answers of the last minutes, for what can only be told from two of them.
final class RoleProbe: Sendable {
    struct State: Sendable {
        /// The oldest first.
        var scrapes: [RoleScrape] = []
        /// Why the last question got no answer; nil when it did.
        var failure: String?
        /// Questions in a row without an answer.
        var failures = 0

        /// One that a busy machine kept from answering once isn't away.
        var isSilent: Bool { failures > 1 || failures == 1 && scrapes.isEmpty }
    }

    let address: RoleAddress
    private let ask: @Sendable (HTTPClient, _ last: RoleScrape?) throws -> RoleScrape
    private let state = Monitor(State())

    /// Seconds that answers are remembered for, beyond the longest window that is looked at.
    static let memory = 75.0

    /// - Parameter credentials: header fields that tell the process who asks.
    init(
        _ address: RoleAddress, credentials: [(name: String, value: String)] = [],
        ask: (@Sendable (HTTPClient, _ last: RoleScrape?) throws -> RoleScrape)? = nil
    ) {
        self.address = address
        self.ask = ask ?? { try RoleScrape(asking: address, credentials, by: $0, at: Self.now(), last: $1) }
    }

    /// Seconds since some moment.
    static func now() -> Double { (ContinuousClock.now - start) / .seconds(1) }

    private static let start = ContinuousClock.now

    var current: State { state.withLock { $0 } }

    func run(at pace: DashboardPace) {
        let client = HTTPClient(.ownDaemons)
        repeat {
            do {
                let scrape = try ask(client, current.scrapes.last)
                state.withLock { state in
                    state.scrapes.removeAll { scrape.at - $0.at > Self.memory }
                    state.scrapes.append(scrape)
                    state.failure = nil
                    state.failures = 0
                }
            } catch {
                state.withLock { state in
                    state.failure = "\(error)"
                    state.failures += 1
                }
            }
        } while pace.wait()
    }
}
