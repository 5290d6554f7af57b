import Execution
import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers

@testable import OrderflowKit

/// Of the order that tests of facts out of order are about.
func created(_ id: String, total: Money) -> InboundMessage {
    inbound(
        OrderCreated(
            orderID: id, userID: "alice", items: [OrderLine(sku: "A", quantity: 1)], total: total, createdAt: 0))
}

func fact(_ id: String, _ draft: FactDraft) -> InboundMessage { inbound(draft.of(id)) }

extension BatchHandler {
    /// A daemon for each of `shares`, all at the same time: each handles its messages one by one, until it has. Whether
    /// all have in time.
    func meet(_ shares: [[InboundMessage]], in database: PostgresConfiguration) -> Bool {
        let ended = Monitor(0)
        for messages in shares {
            DedicatedThread.start("daemon") {
                defer { ended.update { $0 += 1 } }
                guard let connection = try? Connection(database, logger: quiet) else { return }
                for message in messages {
                    while (try? apply([message], on: connection)) == nil {}
                }
            }
        }
        return ended.wait(for: .seconds(20)) { $0 == shares.count ? true : nil } == true
    }
}
