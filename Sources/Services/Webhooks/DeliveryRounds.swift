import Execution
import Hashing
import Logging
import Metrics
import Outbound
import Postgres

/// One process's work for endpoints, a round at a time: notes what has come of sends, takes endpoints that have
/// something due, and sends what is next at each. One thread's.
///
/// Slots are what keeps endpoints from hurting each other. A send occupies one until it ends, and there are
/// `Configuration.sends` of them. An endpoint gets so many:
///
/// - one that accepts: up to `Configuration.concurrency`, and no further one while one of its sends is slow;
/// - one of which nothing is known yet: one;
/// - one whose last round failed: one, and all of those together no more than `Configuration.failingSends`.
///
/// So whatever hangs or refuses holds few slots, and endpoints with something due take turns at the others. What is in
/// memory is bounded by the slots: the queues are in the database, and only what is sent now is read.
final class DeliveryRounds {
    struct Configuration: Sendable {
        /// Sends at once to one endpoint.
        var concurrency = 4
        /// Sends at once to all.
        var sends = 512
        /// Sends at once to those whose last round failed.
        var failingSends: Int { max(1, sends / 8) }
        /// For one send, resolving and connecting included.
        var timeout: Duration = .seconds(10)
        /// A send that takes longer is slow.
        var slowAfter: Duration = .seconds(1)
        /// For so long an endpoint is this process's without a word of it: what a `kill -9` costs.
        var lease: Duration = .seconds(15)
        var retry = RetryTerms()
    }

    private let configuration: Configuration
    private let sender: any DeliverySender
    private let desk: DeliveryDesk
    private let vault: SecretVault
    private let holder: String
    private let logger: Logger
    private let now: () -> Int64
    private let metrics = DeliveryMetrics()

    private var held: [Int64: HeldEndpoint] = [:]
    /// Those that are held, in the order of their turns.
    private var turns: [Int64] = []
    private var renewed: Int64
    /// What couldn't be stored yet.
    private var ended: [DeliveryDesk.Ended] = []
    private(set) var underWay = 0

    /// An endpoint that accepts has as many sends under way as it gets, and may have more to come.
    var isFull: Bool {
        held.values.contains {
            $0.isReady && $0.failures == 0 && $0.underWay.count >= configuration.concurrency
        }
    }

    /// - Parameter now: the wall clock, in microseconds since the Unix epoch.
    init(
        _ configuration: Configuration, sender: any DeliverySender, desk: DeliveryDesk, vault: SecretVault,
        holder: String, logger: Logger, now: @escaping () -> Int64 = WallClock.nowMicroseconds
    ) {
        self.configuration = configuration
        self.sender = sender
        self.desk = desk
        self.vault = vault
        self.holder = holder
        self.logger = logger
        self.now = now
        renewed = now()
    }

    // MARK: A round

    /// Remembers what has come of sends, for the next round that gets through to the database.
    func take(_ ended: [DeliveryDesk.Ended]) {
        self.ended += ended
        underWay -= ended.count
    }

    /// Does what there is to do, besides what was taken. Whatever it throws, nothing is lost: what has ended is stored in
    /// the next round.
    ///
    /// - Parameter sends: false notes what has come of sends, and begins none.
    func round(_ work: DeliveryDesk.Work, sends: Bool = true, on connection: Connection) throws {
        let now = now()
        try settle(at: now, on: connection)
        guard sends else { return }
        try renew(at: now, on: connection)
        for endpoint in work.woken { held[endpoint]?.isReady = true }
        if work.looks { for endpoint in turns { held[endpoint]?.isReady = true } }
        // What is held is looked at first: what it gives back makes room for others.
        try send(at: now, on: connection)
        if try claim(work, at: now, on: connection) { try send(at: now, on: connection) }
    }

    /// Lets others have what this process holds, but for what is being sent.
    func release(on connection: Connection) throws {
        try DeliveryStore.release(turns, holder: holder, on: connection)
        held = [:]
        turns = []
    }

    // MARK: What has come of sends

    private func settle(at now: Int64, on connection: Connection) throws {
        guard !ended.isEmpty else { return }
        var settlement = DeliverySettlement()
        var after = held
        for (endpoint, ended) in Dictionary(grouping: ended, by: \.endpoint) {
            after[endpoint]?.note(ended, by: configuration.retry, in: &settlement, at: now)
        }
        try settlement.store(holder: holder, at: now, on: connection)
        metrics.count(settlement)
        for standing in settlement.standings {
            guard let reason = standing.suspendedFor else { continue }
            logger.warning("webhook_suspended", metadata: ["endpoint": "\(standing.endpoint)", "reason": "\(reason)"])
        }
        ended = []
        held = after
    }

    // MARK: Whose endpoints

    private func renew(at now: Int64, on connection: Connection) throws {
        guard now - renewed >= configuration.lease.microseconds / 3 else { return }
        let kept = try DeliveryStore.renew(turns, holder: holder, until: end(now), on: connection)
        renewed = now
        // Another process has taken over: what is under way here is a copy there.
        turns.removeAll { !kept.contains($0) && held[$0]?.underWay.isEmpty == true }
        held = held.filter { kept.contains($0.key) || !$0.value.underWay.isEmpty }
    }

    private func end(_ now: Int64) -> Int64 { now + configuration.lease.microseconds }

    /// Whether there are any more now.
    private func claim(_ work: DeliveryDesk.Work, at now: Int64, on connection: Connection) throws -> Bool {
        let woken = work.looks ? nil : work.woken.filter { held[$0] == nil }
        if woken?.isEmpty == true { return false }
        let before = held.count
        let failing = held.values.count { $0.failures > 0 }
        for isFailing in [false, true] {
            let room =
                isFailing
                ? configuration.failingSends - failing : configuration.sends - (held.count - failing)
            let claimed = try DeliveryStore.claim(
                limit: room, failing: isFailing, among: woken.map(Array.init), holder: holder, at: now,
                until: end(now), on: connection)
            for new in claimed where held[new.endpoint] == nil {
                held[new.endpoint] = HeldEndpoint(new)
                turns.append(new.endpoint)
            }
            if claimed.count >= room { isShort = true }
        }
        return held.count > before
    }

    /// Some may have had no room: with what is given back there is a look.
    private var isShort = false

    // MARK: Sending

    /// What each endpoint may send now, those first whose turn it is.
    private func rooms(at now: Int64) -> [(endpoint: Int64, room: Int)] {
        var free = configuration.sends - underWay
        var freeForFailing =
            configuration.failingSends - held.values.reduce(0) { $0 + ($1.failures > 0 ? $1.underWay.count : 0) }
        var wanting: [(endpoint: Int64, room: Int, isFailing: Bool)] = []
        for endpoint in turns {
            guard let state = held[endpoint], state.isReady else { continue }
            let room = state.room(configuration, at: now)
            if room > 0 { wanting.append((endpoint, room, state.failures > 0)) }
        }
        // Where slots are short, everybody gets as many.
        let share = max(1, free / max(1, wanting.count))
        var rooms: [(endpoint: Int64, room: Int)] = []
        for want in wanting {
            let room = min(want.room, share, free, want.isFailing ? freeForFailing : .max)
            guard room > 0 else { continue }
            free -= room
            if want.isFailing { freeForFailing -= room }
            rooms.append((want.endpoint, room))
        }
        return rooms
    }

    private func send(at now: Int64, on connection: Connection) throws {
        let rooms = rooms(at: now)
        let busy = rooms.flatMap { endpoint, _ in
            (held[endpoint]?.underWay.keys).map { $0.map { (endpoint, $0) } } ?? []
        }
        let heads = try DeliveryStore.heads(rooms, besides: busy, holder: holder, at: now, on: connection)
        let found = Dictionary(grouping: heads, by: \.endpoint)
        for (endpoint, room) in rooms {
            // Fewer than there was room for: nothing more is due, until something ends or is told of.
            held[endpoint]?.isReady = (found[endpoint]?.count ?? 0) == room
        }
        for head in heads { begin(head, at: now) }
        let served = Set(found.keys)
        turns = turns.filter { !served.contains($0) } + turns.filter { served.contains($0) }
        let idle = turns.filter { endpoint in held[endpoint].map { $0.underWay.isEmpty && !$0.isReady } ?? true }
        try giveBack(idle, on: connection)
        if underWay < configuration.sends, turns.contains(where: { isWaiting($0, at: now) }) { desk.look() }
    }

    /// Whether an endpoint could send more, as far as is known.
    private func isWaiting(_ endpoint: Int64, at now: Int64) -> Bool {
        held[endpoint].map { $0.isReady && $0.failures == 0 && $0.room(configuration, at: now) > 0 } ?? false
    }

    private func giveBack(_ endpoints: [Int64], on connection: Connection) throws {
        guard !endpoints.isEmpty else { return }
        try DeliveryStore.release(endpoints, holder: holder, on: connection)
        for endpoint in endpoints { held[endpoint] = nil }
        turns.removeAll { held[$0] == nil }
        if isShort {
            isShort = false
            desk.look()
        }
    }

    private func begin(_ head: DeliveryStore.Head, at now: Int64) {
        held[head.endpoint]?.underWay[head.fact] = HeldEndpoint.UnderWay(
            round: head.round, tries: head.tries, firstTriedAt: head.firstTriedAt, begun: now)
        underWay += 1
        let (endpoint, fact) = (head.endpoint, head.fact)
        guard let request = request(head, at: now) else {
            // Its owner sees it, and a new secret mends it.
            desk.hand(.init(endpoint: endpoint, fact: fact, result: .failure(.refused("its secret can't be opened"))))
            return
        }
        sender.send(request) { [desk] result in
            desk.hand(.init(endpoint: endpoint, fact: fact, result: result))
        }
    }

    private func request(_ head: DeliveryStore.Head, at now: Int64) -> DeliveryRequest? {
        let secrets = [head.secret, head.formerSecret].compactMap(\.self).compactMap {
            vault.open($0, tenant: head.tenant, endpoint: head.endpointID)
        }
        guard !secrets.isEmpty else { return nil }
        let seconds = now / 1_000_000
        var headers = [
            (name: "Content-Type", value: WebhookFact.contentType),
            (name: "User-Agent", value: "orderflow-webhooks"),
            (name: "webhook-id", value: head.webhookID),
            (name: "webhook-timestamp", value: String(seconds)),
            (
                name: "webhook-signature",
                value: WebhookSignature.value(
                    id: head.webhookID, timestamp: seconds, body: head.body, secrets: secrets)
            ),
        ]
        if head.isReplay { headers.append((name: "webhook-replay", value: "true")) }
        return DeliveryRequest(url: head.url, headers: headers, body: head.body, timeout: configuration.timeout)
    }
}
