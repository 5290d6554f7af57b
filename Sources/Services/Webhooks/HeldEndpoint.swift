import Execution

/// An endpoint that a process works for, and how it fares.
struct HeldEndpoint {
    /// A send that hasn't ended, or whose end isn't stored.
    struct UnderWay {
        let round: Int
        let tries: Int
        let firstTriedAt: Int64?
        let begun: Int64
    }

    private let endpoint: Int64
    /// Rounds in a row in which nothing was accepted, and since when.
    private(set) var failures: Int
    private var failingSince: Int64?
    /// Whether it has ever accepted anything.
    private var hasAccepted: Bool
    /// By the fact.
    var underWay: [Int64: UnderWay] = [:]
    /// There may be something due.
    var isReady = true

    init(_ claimed: DeliveryStore.Claimed) {
        endpoint = claimed.endpoint
        failures = claimed.failures
        failingSince = claimed.failingSince
        hasAccepted = claimed.hasAccepted
    }

    /// How many more sends it may have now.
    func room(_ configuration: DeliveryRounds.Configuration, at now: Int64) -> Int {
        if failures > 0 || !hasAccepted { return underWay.isEmpty ? 1 : 0 }
        let slow = configuration.slowAfter.microseconds
        if underWay.values.contains(where: { now - $0.begun >= slow }) { return 0 }
        return configuration.concurrency - underWay.count
    }

    /// Notes how sends have ended, and what that comes to for the endpoint.
    mutating func note(
        _ ended: [DeliveryDesk.Ended], by terms: RetryTerms, in settlement: inout DeliverySettlement, at now: Int64
    ) {
        var standing = DeliverySettlement.Standing(
            endpoint: endpoint, failures: failures, failingSince: failingSince, hasAccepted: false,
            wasOpen: failures >= terms.circuitAfter)
        var asked: Duration?
        var hasFailed = false
        for end in ended {
            guard let send = underWay.removeValue(forKey: end.fact) else { continue }
            switch DeliveryVerdict(end.result) {
            case .stopped: continue
            case .accepted(let status):
                settlement.accepted.append(
                    .init(endpoint: endpoint, fact: end.fact, round: send.round, status: status))
                standing.hasAccepted = true
                standing.lastStatus = status
            case .gone:
                hasFailed = true
                settlement.failed.append(failure(of: end.fact, send, 410, "answered 410", terms, now))
                (standing.lastStatus, standing.lastError) = (410, "answered 410")
                standing.suspendedFor = "the receiver answered 410 Gone"
            case .failed(let status, let reason, let wait):
                hasFailed = true
                settlement.failed.append(failure(of: end.fact, send, status, reason, terms, now))
                (standing.lastStatus, standing.lastError) = (status, reason)
                asked = [asked, wait].compactMap(\.self).max()
                if terms.isOver(since: send.firstTriedAt ?? now, at: now), standing.suspendedFor == nil {
                    standing.suspendedFor = terms.overdue(reason)
                }
            }
        }
        guard standing.hasAccepted || hasFailed else { return }
        Self.rate(&standing, asked: asked, by: terms, at: now)
        failures = standing.failures
        failingSince = standing.failingSince
        hasAccepted = hasAccepted || standing.hasAccepted
        isReady = true
        settlement.standings.append(standing)
    }

    private func failure(
        of fact: Int64, _ send: UnderWay, _ status: Int?, _ reason: String, _ terms: RetryTerms, _ now: Int64
    ) -> DeliverySettlement.Failed {
        let pause = terms.pause(after: send.tries + 1, cap: terms.cap)
        return DeliverySettlement.Failed(
            endpoint: endpoint, fact: fact, round: send.round, status: status, reason: reason,
            nextAt: now + pause.microseconds)
    }

    /// How the endpoint as a whole fares: by one that is accepted it is well, and without any it is worse than before.
    private static func rate(
        _ standing: inout DeliverySettlement.Standing, asked: Duration?, by terms: RetryTerms, at now: Int64
    ) {
        if standing.hasAccepted {
            standing.failures = 0
            standing.failingSince = nil
        } else {
            standing.failures += 1
            let since = standing.failingSince ?? now
            standing.failingSince = since
            if standing.failures >= terms.circuitAfter {
                standing.notBefore = now + terms.pause(after: standing.failures, cap: terms.circuitCap).microseconds
            }
            if terms.isOver(since: since, at: now), standing.suspendedFor == nil {
                standing.suspendedFor = terms.overdue(standing.lastError ?? "nothing accepted")
            }
        }
        if let asked {
            let until = now + min(asked, terms.askedLimit).microseconds
            standing.notBefore = max(standing.notBefore ?? until, until)
        }
    }
}
