import JSON
import Messaging
import OrderflowKit

/// Something about the shop that a person should know, and what they can do.
struct ShopConcern: Hashable, Sendable {
    enum Level: String, Sendable, Comparable {
        /// Slower than it should be, or soon to be worse; orders go on.
        case warning
        /// Orders don't go on, or aren't taken.
        case critical

        static func < (a: Level, b: Level) -> Bool { a == .warning && b == .critical }
    }

    let level: Level
    /// Which it is about; nil for the shop as a whole.
    let role: String?
    let title: String
    let detail: String
    /// A command, or words.
    let remedy: String?

    init(_ level: Level, _ role: String?, _ title: String, _ detail: String, remedy: String? = nil) {
        self.level = level
        self.role = role
        self.title = title
        self.detail = detail
        self.remedy = remedy
    }

    /// From when on something is amiss. Seconds, unless the name says otherwise.
    enum Threshold {
        /// An answer of a participant, in the median, and an order's acceptance, at the 99th percentile.
        static let step = 2.0
        static let acceptance = 0.5
        /// What a group has yet to do, at its present speed; and records, before its speed counts.
        static let behind = 15.0
        static let lagRecords = 200
        static let relay = 15.0
        static let schedule = 15.0
        static let payment = 15.0
        static let mail = 60.0
        static let view = 15.0
        /// Of the limit.
        static let appendQueue = 0.5
        /// A second.
        static let errors = 0.05
    }

    /// The worst first.
    static func all(of state: ShopState) -> [ShopConcern] {
        let all = orders(state) + state.roles.flatMap { role($0, state) } + flow(state)
        return all.filter { $0.level == .critical } + all.filter { $0.level == .warning }
    }

    private static func orders(_ state: ShopState) -> [ShopConcern] {
        var found: [ShopConcern] = []
        if state.needAttention > 0 {
            let why = state.stuck.first?["attention"]?.string ?? "see below"
            found.append(
                ShopConcern(
                    .critical, "saga",
                    state.needAttention == 1 ? "1 order is stuck" : "\(state.needAttention) orders are stuck", why,
                    remedy: "orderflow sagas list --attention"))
        }
        return found + letters(state)
    }

    /// One message that several groups can't handle is one concern.
    private static func letters(_ state: ShopState) -> [ShopConcern] {
        let groups = state.roles.flatMap(\.groups).filter { $0.dead > 0 }
        guard !groups.isEmpty else { return [] }
        let records = Set(
            state.letters.map { letter in
                [letter["topic"], letter["partition"], letter["offset"]].map { $0 ?? .null }
            })
        // The lists are cut; the counts aren't.
        let count = max(records.count, groups.map(\.dead).max() ?? 0)
        let parked = groups.reduce(0) { $0 + $1.parked }
        let first = state.letters.first
        return [
            ShopConcern(
                .critical, nil, count == 1 ? "1 message can't be handled" : "\(count) messages can't be handled",
                "by \(list(groups.map(\.group))): \(first?["error"]?.string ?? "see the letters")"
                    + (parked > 0 ? "; \(parked) of the same key wait behind" : ""),
                remedy: first?["letter"]?.string.map { "orderflow deadletters show \($0)" }
                    ?? "orderflow deadletters list")
        ]
    }

    private static func list(_ names: [String]) -> String {
        names.count <= 3
            ? names.joined(separator: ", ")
            : names.prefix(2).joined(separator: ", ") + " and \(names.count - 2) more groups"
    }

    private static func role(_ role: ShopState.Role, _ state: ShopState) -> [ShopConcern] {
        var found: [ShopConcern] = []
        let why = role.reasons.joined(separator: "; ")
        switch role.standing {
        case .silent:
            found.append(
                ShopConcern(
                    .critical, role.role, "\(role.role) doesn't answer", why, remedy: "start the role, or see its log"))
        case .notReady: found.append(ShopConcern(.critical, role.role, "\(role.role) isn't ready", why))
        case .degraded: found.append(ShopConcern(.warning, role.role, "\(role.role) is impaired", why))
        case .ready, .unknown: break
        }
        for circuit in role.openCircuits where !why.contains(circuit) {
            found.append(
                ShopConcern(
                    .warning, role.role, "\(role.role) has given up on \(circuit) for now",
                    "its calls keep failing; one is tried again every few seconds"))
        }
        for group in role.groups {
            guard let lag = group.lag, lag >= Threshold.lagRecords else { continue }
            let speed = group.perSecond ?? 0
            guard speed == 0 || Double(lag) / speed > Threshold.behind else { continue }
            let words =
                speed > 0
                ? "about \(ShopState.count(Double(lag) / speed)) s at its present speed" : "and it does nothing"
            found.append(
                ShopConcern(
                    .warning, role.role, "\(group.group) is behind", "\(lag) records wait, \(words)",
                    remedy: "more processes of \(role.role), up to the topic's partitions"))
        }
        if role.scheduleLate > Threshold.schedule {
            found.append(
                ShopConcern(
                    .critical, role.role, "\(role.role)'s messages are late",
                    "the first should have gone out \(ShopState.count(role.scheduleLate)) s ago",
                    remedy: "orderflow schedule list --due-within 0s"))
        }
        for relay in role.relays where relay.lagSeconds > Threshold.relay || relay.isHeldUp {
            found.append(
                ShopConcern(
                    .critical, role.role, "\(role.role) can't publish",
                    "\(relay.backlog) events wait in its database, the oldest for \(ShopState.count(relay.lagSeconds)) s",
                    remedy: "is Kafka reachable?"))
        }
        return found
    }

    private static func flow(_ state: ShopState) -> [ShopConcern] {
        var found: [ShopConcern] = []
        for step in state.steps {
            guard let median = step.time.median, median > Threshold.step else { continue }
            found.append(
                ShopConcern(
                    .warning, step.role, "\(step.role) is slow",
                    "half of its answers take more than \(text(median)) (step \(step.step))"))
        }
        if state.oldestPayment > Threshold.payment {
            found.append(
                ShopConcern(
                    .warning, "payment", "Payments wait for the gateway",
                    "the oldest for \(ShopState.count(state.oldestPayment)) s", remedy: "ask the payment provider"))
        }
        if state.oldestMail > Threshold.mail {
            found.append(
                ShopConcern(
                    .warning, "notification", "Mails are late",
                    "the oldest waits for \(ShopState.count(state.oldestMail)) s",
                    remedy: "is the mail server well?"))
        }
        let suspended = count(state.webhooks["suspended"])
        if suspended > 0 {
            let first = (state.webhooks["endpoints"]?.array ?? []).first { $0["state"]?.string == "suspended" }
            found.append(
                ShopConcern(
                    .warning, "webhooks",
                    suspended == 1 ? "1 webhook is suspended" : "\(suspended) webhooks are suspended",
                    first?["reason"]?.string ?? "its receiver refuses what is sent; what it was to be told is kept",
                    remedy: first?["id"]?.string.map { "orderflow webhooks resume \($0)\(tenant(first))" }))
        }
        if state.viewLag > Threshold.view {
            found.append(
                ShopConcern(
                    .warning, "projection", "Orders show late",
                    "the read model is \(ShopState.count(state.viewLag)) s behind",
                    remedy: "are relay, brokers and projection well?"))
        }
        if state.differing > 0 {
            let words = state.differing == 1 ? "1 order shows" : "\(state.differing) orders show"
            found.append(
                ShopConcern(
                    .warning, "projection", "\(words) otherwise than the event store has it", "the log says which",
                    remedy: "orderflow status --verify"))
        }
        if let p99 = state.acceptance.p99, p99 > Threshold.acceptance {
            found.append(
                ShopConcern(
                    .warning, "api", "Orders are taken slowly", "1 in 100 takes more than \(text(p99))",
                    remedy: "is the disk of PostgreSQL busy?"))
        }
        if state.appendQueue.limit > 0, state.appendQueue.depth / state.appendQueue.limit > Threshold.appendQueue {
            found.append(
                ShopConcern(
                    .critical, "api", "Orders queue up for the database",
                    "\(ShopState.count(state.appendQueue.depth)) of at most \(ShopState.count(state.appendQueue.limit)); then they are refused"
                )
            )
        }
        if let errors = state.errorsPerSecond, errors > Threshold.errors {
            found.append(
                ShopConcern(
                    .warning, nil, "Requests fail", "\(text(errors, unit: "")) a second are answered 5xx",
                    remedy: "see the log of the API"))
        }
        return found
    }

    /// As commands take one that isn't the standard one.
    private static func tenant(_ entry: JSONValue?) -> String {
        guard let tenant = entry?["tenant"]?.string, tenant != TenantName.standard else { return "" }
        return " --tenant \(tenant)"
    }

    private static func count(_ value: JSONValue?) -> Int {
        Int(clamping: value?.int64 ?? 0)
    }

    private static func text(_ value: Double, unit: String = " s") -> String {
        "\((value * 10).rounded() / 10)\(unit)"
    }
}
