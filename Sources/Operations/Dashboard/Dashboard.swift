import Execution
import HTTPServer
import JSON
import Logging
import OrderflowKit

/// The dashboard: asks every process of the shop how it fares, once for all who watch, and tells them by server-sent
/// events. It has no state but the last minutes and needs no database of another service: what it shows is what the
/// processes answer to `/readyz`, `/metrics` and `/attention`.
public final class Dashboard: Sendable {
    public struct Configuration: Sendable {
        /// The other processes.
        public var roles: [RoleAddress]
        /// The steps of an order, in the order in which they are shown.
        var lanes: [FulfilmentLane]
        /// Header fields that tell the other processes who asks.
        var credentials: [(name: String, value: String)]
        /// Who may watch at once; 503 beyond.
        public var streamLimit = 64
        /// Of them, those of one address; 429 beyond.
        public var streamsPerAddress = 32

        package init(
            roles: [RoleAddress], lanes: [FulfilmentLane] = [], credentials: [(name: String, value: String)] = []
        ) {
            self.credentials = credentials
            self.roles = roles
            self.lanes = lanes
        }
    }

    private struct Viewer {
        let stream: EventStream
        let origin: SocketAddress.Origin
        let caller: Principal
    }

    private struct State {
        var viewers: [Int: Viewer] = [:]
        var places: Places
        var lastID = 0
        var history = DashboardHistory()
        var latest: [UInt8]?
    }

    let configuration: Configuration
    private let probes: [RoleProbe]
    private let pace = DashboardPace()
    private let state: Monitor<State>

    /// - Parameters:
    ///   - health: of this process.
    ///   - metrics: its exposition.
    ///   - attention: of its own database.
    public init(
        _ configuration: Configuration, role: String, health: HealthRegistry,
        metrics: @escaping @Sendable () -> [UInt8], attention: AttentionRoute
    ) {
        self.configuration = configuration
        state = Monitor(
            State(places: Places(configuration.streamLimit, share: configuration.streamsPerAddress)))
        // Asked without a detour, whatever its port is.
        let own = RoleProbe(RoleAddress(role: role, url: "this process")) { _, last in
            RoleScrape(
                at: RoleProbe.now(), readiness: RoleReadiness(health.report), exposition: metrics(),
                attention: (try? JSONValue(parsing: attention.read(within: .seconds(2)))) ?? last?.attention ?? .null)
        }
        probes = [own] + configuration.roles.map { RoleProbe($0, credentials: configuration.credentials) }
    }

    public var parts: [ThreadGroup.Part] {
        probes.enumerated().map { number, probe in
            ThreadGroup.Part("probe-\(number)") { [self] stop in
                stop.onStop { [pace] in pace.stop() }
                probe.run(at: pace)
            }
        } + [
            ThreadGroup.Part("dashboard") { [self] stop in
                stop.onStop { [pace] in pace.stop() }
                // The probes have their first answers soon after.
                _ = stop.wait(for: .milliseconds(500))
                repeat { sample() } while pace.wait()
            }
        ]
    }

    private func sample() {
        let shop = ShopState(
            probes.map { ($0.address, $0.current) }, of: configuration.lanes, at: WallClock.nowMicroseconds(),
            now: RoleProbe.now())
        let json = shop.json
        let viewers = state.withLock { state in
            state.history.append(shop)
            state.latest = json
            return state.viewers
        }
        for (id, viewer) in viewers {
            if viewer.caller.isOver {
                leave(id)
                viewer.stream.close()
            } else {
                viewer.stream.send(event: "state", data: json)
            }
        }
    }

    /// A viewer has gone, or isn't let in any more.
    private func leave(_ id: Int) {
        let nobody = state.withLock { state in
            guard let viewer = state.viewers.removeValue(forKey: id) else { return false }
            state.places.give(viewer.origin)
            return state.viewers.isEmpty
        }
        if nobody { pace.watch(false) }
    }

    /// The last state; nil before the first.
    var latest: [UInt8]? { state.withLock(\.latest) }

    /// Sends the past, the present, and then every state. Throws when too many watch.
    func watch(
        from origin: SocketAddress.Origin, as caller: Principal, _ open: () -> EventStream
    ) throws(HTTPProblem) {
        if let problem = state.withLock({ $0.places.take(origin) }) { throw problem }
        let stream = open()
        let (id, history, latest) = state.withLock { state in
            state.lastID += 1
            state.viewers[state.lastID] = Viewer(stream: stream, origin: origin, caller: caller)
            return (state.lastID, state.history.json, state.latest)
        }
        stream.send(event: "history", data: history)
        if let latest { stream.send(event: "state", data: latest) }
        pace.watch(true)
        stream.onDisconnect { [self] in leave(id) }
    }

    var viewers: Int { state.withLock { $0.viewers.count } }
}
