import Operations

/// How far `status --verify` is, on one line of a terminal, which makes way for what is found.
final class VerificationMeter {
    private var stage: VerificationProgress.Stage?
    private var bar: ReplayProgress?

    func show(_ now: VerificationProgress) {
        if stage != now.stage {
            stage = now.stage
            bar = ReplayProgress(Self.text(of: now.stage), of: now.stage == .judging ? "orders" : "records", total: 0)
            bar?.tell("")
        }
        if now.total > 0 { bar?.move(to: Int64(now.done), of: Int64(now.total)) }
    }

    func clear() { bar?.clear() }

    private static func text(of stage: VerificationProgress.Stage) -> String {
        switch stage {
        case .reading: "reading the topics"
        case .sorting: "sorting by order"
        case .judging: "judging"
        case .adding: "adding up stock and sales"
        case .evidence(let service): "\(service): own evidence"
        case .replica(let name, let service): "\(service): replica \(name)"
        case .audit: "audit logs"
        }
    }
}
