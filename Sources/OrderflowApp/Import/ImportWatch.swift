import Execution
import JSON
import Terminal

/// Follows the batches of an import until all of their orders have ended.
struct ImportWatch {
    private let client: ImportClient
    private let meter: ImportMeter

    /// Failures that are told one by one.
    static let shown = 20

    init(_ client: ImportClient, _ meter: ImportMeter) {
        self.client = client
        self.meter = meter
    }

    struct Sums: Hashable, Sendable {
        var accepted = 0
        var confirmed = 0
        var cancelled = 0

        mutating func add(_ state: JSONValue) {
            accepted += count(state, "accepted")
            confirmed += count(state, "confirmed")
            cancelled += count(state, "cancelled")
        }

        private func count(_ state: JSONValue, _ member: String) -> Int { Int(state[member]?.int64 ?? 0) }
    }

    struct Failure: Hashable, Sendable {
        let orderID: String
        let reason: String
    }

    /// Blocks until all batches are completed.
    ///
    /// - Returns: what has come of the orders, and the first of those that were cancelled.
    func run(_ batchIDs: [String]) throws -> (sums: Sums, cancelled: [Failure]) {
        var sums = Sums()
        var cancelled: [Failure] = []
        for (index, batchID) in batchIDs.enumerated() {
            let state = try ended(batchID, index, of: batchIDs.count, sums)
            sums.add(state)
            guard (state["cancelled"]?.int64 ?? 0) > 0, cancelled.count < Self.shown else { continue }
            // Lines that were refused stand among them, and are told of elsewhere.
            let failures = try client.failures(of: batchID, limit: ImportChunk.recordLimit)
            for failure in failures where failure["status"]?.string == "cancelled" && cancelled.count < Self.shown {
                cancelled.append(
                    Failure(
                        orderID: failure["orderId"]?.string ?? "", reason: failure["reason"]?.string ?? ""))
            }
        }
        meter.endLine()
        return (sums, cancelled)
    }

    private func ended(_ batchID: String, _ index: Int, of count: Int, _ before: Sums) throws -> JSONValue {
        while true {
            let state = try client.state(of: batchID, waiting: 2)
            var sums = before
            sums.add(state)
            meter.tell(
                "batch \(index + 1) of \(count): \(sums.confirmed) orders confirmed, \(sums.cancelled) cancelled")
            if state["state"]?.string == "completed" { return state }
        }
    }
}
