import Execution
import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow replay --into` beside real daemons.
@Suite(.serialized, .servers) struct RebuildTests {
    /// Killed in the middle it has changed nothing; started again it goes on, while orders come in and customers look at
    /// theirs, who notice nothing.
    @Test func aReadModelIsExchangedUnderItsReaders() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let client = up.client
        var ids: [String] = []
        for number in 0..<40 {
            ids.append(try await client.order(Self.order(number)))
        }
        // Nobody can handle it, and what follows under its key waits.
        try shop.publish("{", key: "behind", to: "order-events")
        try shop.publish(DeadLetterTests.orderCreated("behind"), key: "behind", to: "order-events")
        for id in ids {
            try await eventually("order \(id) has ended") {
                let status = try await client.view(id)?["status"] as? String
                return status == "confirmed" || status == "cancelled"
            }
        }

        let rebuild = try shop.command("replay", "--into", "orders", "--window", "1", "--no-exchange")
        try rebuild.start()
        try eventually("it is at work") {
            try shop.query("SELECT to_regclass('rebuild_orders.rebuild_letters') IS NOT NULL", in: "views") == [["t"]]
                && shop.query("SELECT count(*) > 0 FROM rebuild_orders.order_views", in: "views") == [["t"]]
        }
        try rebuild.kill()
        #expect(try await client.view(ids[0]) != nil)

        let over = StopSignal()
        let looking = Task { [ids] in
            var looks = 0
            while !over.isStopped {
                for id in ids {
                    let answer = try await client.get("/orders/\(id)")
                    #expect(answer.status == 200, "\(answer.text)")
                    looks += 1
                }
            }
            return looks
        }
        let ordering = Task {
            var more: [String] = []
            while !over.isStopped {
                let id = try await client.order()
                more.append(id)
                // Whatever tables it is in by then.
                let wait = try await client.get("/orders/\(id)?minVersion=2", headers: ["Prefer": "wait=10"])
                #expect(wait.status == 200, "\(wait.text)")
            }
            return more
        }
        let reports = try ["orders", "invoices", "customers", "contacts"].map { try shop.run("replay", "--into", $0) }
        over.stop()
        #expect(try await looking.value > 0)
        #expect(reports[0].contains("of them by earlier runs"), "\(reports[0])")
        for report in reports {
            #expect(report.contains("the same as the live ones"), "\(report)")
            #expect(report.hasSuffix("the rebuilt tables are the live ones now\n"), "\(report)")
        }

        let more = try await ordering.value
        for id in more {
            try await eventually("order \(id) is confirmed in the exchanged tables") {
                try await client.view(id)?["status"] as? String == "confirmed"
            }
        }
        #expect(
            try shop.query("SELECT count(*) FROM order_views", in: "views") == [["\(ids.count + more.count)"]])
        #expect(
            try shop.query(
                "SELECT key, status FROM dead_letters WHERE consumer_group = 'projection-group' ORDER BY id",
                in: "views") == [["behind", "dead"], ["behind", "parked"]])
        #expect(try up.terminate() == 0)
    }

    /// Each fourth one can't be paid.
    private static func order(_ number: Int) -> String {
        let token = number % 4 == 0 ? #","paymentToken":"tok_declined""# : ""
        return #"{"userId":"u\#(number % 3)","items":[{"sku":"ABC","qty":1}],"total":10\#(token)}"#
    }
}
