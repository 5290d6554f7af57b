import Execution
import JSON
import Messaging
import OrderflowKit

extension ShopState {
    /// Seconds over which rates are taken, and latencies, which need more to say anything.
    static let rateWindow = 8.0
    static let latencyWindow = 55.0

    /// - Parameters:
    ///   - time: microseconds since the Unix epoch.
    ///   - now: on the clock of the scrapes.
    init(
        _ probes: [(address: RoleAddress, state: RoleProbe.State)], of lanes: [FulfilmentLane], at time: Int64,
        now: Double
    ) {
        at = time
        var answering: [String: [[RoleScrape]]] = [:]
        var seen: Set<String> = []
        for (address, state) in probes {
            let index = roles.firstIndex { $0.role == address.role }
            var role = index.map { roles[$0] } ?? Role(role: address.role)
            if let last = state.scrapes.last, !state.isSilent {
                // Two addresses of one process are one.
                if let process = last.process, !seen.insert(process).inserted { continue }
                answering[address.role, default: []].append(state.scrapes)
                role.add(last)
            } else if state.isSilent {
                guard address.isExpected || index != nil else { continue }
                role.silent(at: address.url, state.failure ?? "no answer")
            } else if !address.isExpected {
                continue
            }
            if let index { roles[index] = role } else { roles.append(role) }
        }
        for index in roles.indices { roles[index].measure(answering[roles[index].role] ?? []) }
        let all = answering.values.flatMap { $0 }
        readOrders(all)
        readSagas(answering["saga"] ?? [], lanes)
        readAttention(all.compactMap(\.last))
        concerns = ShopConcern.all(of: self)
    }

    private mutating func readOrders(_ all: [[RoleScrape]]) {
        let (recent, minute) = (
            MetricsWindow(all, seconds: Self.rateWindow), MetricsWindow(all, seconds: Self.latencyWindow)
        )
        let requests = "orderflow_http_requests_total"
        ordersPerSecond = recent.rate(requests) {
            $0.contains(#"route="/orders""#) && $0.contains(#"method="POST""#) && $0.contains(#"status="201""#)
        }
        // An orchestrator's and our own questions say 503 while a role isn't ready, which is told apart.
        errorsPerSecond = recent.rate(requests) {
            $0.contains(#"status="5"#) && !$0.contains(#"route="/readyz""#) && !$0.contains(#"route="/attention""#)
        }
        acceptance = Latency(minute.distribution("orderflow_http_request_duration_seconds"))
        let last = all.compactMap(\.last)
        appendQueue = (
            last.reduce(0) { $0 + $1.total("orderflow_eventstore_queue_depth") },
            last.reduce(0) { $0 + $1.total("orderflow_eventstore_queue_limit") }
        )
        oldestPayment = last.map { $0.greatest("orderflow_payments_oldest_seconds") }.max() ?? 0
        viewLag = last.map { $0.greatest("orderflow_view_lag_seconds") }.max() ?? 0
        differing = Self.count(last.map { $0.total("orderflow_view_differing_orders") }.max() ?? 0)
        oldestMail = last.map { $0.greatest("orderflow_mail_queue_oldest_seconds") }.max() ?? 0
    }

    private mutating func readSagas(_ sagas: [[RoleScrape]], _ lanes: [FulfilmentLane]) {
        let (recent, minute) = (
            MetricsWindow(sagas, seconds: Self.rateWindow), MetricsWindow(sagas, seconds: Self.latencyWindow)
        )
        func rate(_ event: String) -> Double? {
            recent.rate("orderflow_saga_transitions_total") { $0.contains("event=\"\(event)\"") }
        }
        startedPerSecond = rate("started")
        confirmedPerSecond = rate("completed")
        cancelledPerSecond = rate("compensated")
        fulfilment = Latency(minute.distribution("orderflow_saga_seconds") { $0.contains(#"status="completed""#) })
        for scrape in sagas.compactMap(\.last) {
            for (labels, value) in scrape.metrics["orderflow_sagas"] {
                guard let status = MetricsText.label("status", in: labels) else { continue }
                self.sagas[status] = max(self.sagas[status] ?? 0, Self.count(value))
            }
            needAttention = max(needAttention, Self.count(scrape.total("orderflow_sagas_attention")))
        }
        steps = lanes.map { lane in
            let step = lane.step
            var entry = Step(step: step, title: lane.title, isAsked: lane.isAsked, role: lane.service)
            entry.time = Latency(
                minute.distribution("orderflow_saga_step_seconds") { $0.contains("step=\"\(step)\"") })
            // All processes of the role say the same of the database.
            entry.waiting =
                sagas.compactMap(\.last).map { scrape in
                    Self.count(
                        scrape.metrics["orderflow_saga_waiting_steps"].filter { $0.key.contains("step=\"\(step)\"") }
                            .reduce(0) { $0 + $1.value })
                }.max() ?? 0
            return entry
        }
    }

    private mutating func readAttention(_ scrapes: [RoleScrape]) {
        // The processes of a role read the same database: one of them is enough.
        var heard: Set<String> = []
        for scrape in scrapes {
            guard let role = scrape.attention["role"]?.string, heard.insert(role).inserted else { continue }
            letters += scrape.attention["letters"]?.array ?? []
            stuck += scrape.attention["stuck"]?.array ?? []
            waiting += scrape.attention["waiting"]?.array ?? []
            if let webhooks = scrape.attention["webhooks"] { self.webhooks = webhooks }
        }
        // In an order that is the same at every look.
        for letter in letters.sorted(by: { ($0["letter"]?.string ?? "") < ($1["letter"]?.string ?? "") }) {
            guard let orderID = letter["orderId"]?.string, let group = letter["group"]?.string else { continue }
            let tenant = letter["tenant"]?.string ?? "default"
            if let index = held.firstIndex(where: { $0.orderID == orderID && $0.tenant == tenant }) {
                held[index].groups.append(group)
                continue
            }
            let saga = (stuck + waiting).first { $0["orderId"]?.string == orderID && $0["tenant"]?.string == tenant }
            held.append(
                Held(
                    orderID: orderID, tenant: tenant, letter: letter["letter"]?.string ?? "", groups: [group],
                    status: saga?["status"]?.string))
        }
    }
}

extension ShopState {
    /// What a process says that it counts.
    static func count(_ value: Double) -> Int { Int(Int64(saturating: value)) }
}

extension RoleScrape {
    func total(_ name: String) -> Double { metrics[name].values.reduce(0, +) }
    func greatest(_ name: String) -> Double { metrics[name].values.max() ?? 0 }
}

extension ShopState.Role {
    fileprivate mutating func add(_ scrape: RoleScrape) {
        processes += 1
        reasons += scrape.readiness.reasons
        memory += scrape.total("process_resident_memory_bytes")
        let own: ShopState.Standing =
            if !scrape.readiness.isReady { .notReady } else if scrape.readiness.reasons.isEmpty { .ready } else {
                .degraded
            }
        // One of several that is unwell leaves the others to do the work.
        switch (standing, own) {
        case (.unknown, _): standing = own
        case (.ready, .ready): break
        case (.notReady, .notReady), (.silent, .notReady), (.notReady, .silent): standing = .notReady
        default: standing = .degraded
        }
        for (labels, value) in scrape.metrics["orderflow_circuit_breaker_state"] where value == 1 {
            guard labels.contains(#"state="open""#), let name = MetricsText.label("name", in: labels) else { continue }
            openCircuits.append(name)
        }
    }

    fileprivate mutating func silent(at url: String, _ why: String) {
        reasons.append("\(url) doesn't answer: \(why)")
        standing = standing == .unknown || standing == .silent ? .silent : .degraded
    }

    /// Groups and relays, over all processes of the role.
    fileprivate mutating func measure(_ histories: [[RoleScrape]]) {
        let recent = MetricsWindow(histories, seconds: ShopState.rateWindow)
        let minute = MetricsWindow(histories, seconds: ShopState.latencyWindow)
        let last = histories.compactMap(\.last)
        func names(_ label: String, _ metric: String) -> [String] {
            Set(last.flatMap { $0.metrics[metric].keys.compactMap { MetricsText.label(label, in: $0) } }).sorted()
        }
        groups = names("group", "orderflow_consumer_held_up").map { name in
            var group = ShopState.Group(group: name)
            let mine = "group=\"\(name)\""
            let lags = last.flatMap { $0.metrics["orderflow_consumer_lag_messages"].filter { $0.key.contains(mine) } }
            if !lags.isEmpty { group.lag = ShopState.count(lags.reduce(0) { $0 + $1.value }) }
            group.perSecond = recent.rate("orderflow_consumer_messages_total") { $0.contains(mine) }
            group.batch = ShopState.Latency(
                minute.distribution("orderflow_consumer_transaction_seconds") { $0.contains(mine) })
            func letters(_ statuses: [String]) -> Int {
                let counts = last.map { scrape in
                    statuses.reduce(0) { sum, status in
                        sum + (scrape.metrics["orderflow_consumer_open_letters"]["\(mine),status=\"\(status)\""] ?? 0)
                    }
                }
                return ShopState.count(counts.max() ?? 0)
            }
            (group.dead, group.parked) = (letters(["dead", "retry"]), letters(["parked"]))
            group.isHeldUp = last.contains { ($0.metrics["orderflow_consumer_held_up"][mine] ?? 0) > 0 }
            return group
        }
        // All processes of the role say the same of the database.
        scheduled = ShopState.count(last.map { $0.greatest("orderflow_schedule_waiting") }.max() ?? 0)
        scheduleLate = last.map { $0.greatest("orderflow_schedule_oldest_late_seconds") }.max() ?? 0
        relays = names("source", "orderflow_relay_backlog_rows").map { name in
            func values(_ metric: String) -> [Double] {
                last.flatMap { $0.metrics[metric].filter { $0.key.contains("source=\"\(name)\"") }.map(\.value) }
            }
            return ShopState.Relay(
                source: name, backlog: ShopState.count(values("orderflow_relay_backlog_rows").max() ?? 0),
                lagSeconds: values("orderflow_relay_lag_seconds").max() ?? 0,
                isHeldUp: values("orderflow_relay_held_up").contains { $0 > 0 })
        }
    }
}
