import Outbound

/// What the answer to a delivery means (Standard Webhooks, "Deliverability and reliability"): any 2xx accepts, 410 is
/// the end, and everything else is tried again.
enum DeliveryVerdict: Sendable, Hashable {
    case accepted(status: Int)
    /// - Parameter wait: what the receiver has asked for.
    case failed(status: Int?, reason: String, wait: Duration?)
    case gone
    /// Nothing is known of the receiver: our own process ends.
    case stopped

    init(_ result: Result<DeliveryAnswer, DeliveryFailure>) {
        switch result {
        case .success(let answer) where (200...299).contains(answer.status): self = .accepted(status: answer.status)
        case .success(let answer) where answer.status == 410: self = .gone
        case .success(let answer):
            let asks = answer.status == 429 || answer.status == 503
            self = .failed(
                status: answer.status, reason: "answered \(answer.status)", wait: asks ? answer.retryAfter : nil)
        case .failure(.stopped): self = .stopped
        case .failure(let failure): self = .failed(status: nil, reason: "\(failure)", wait: nil)
        }
    }
}
