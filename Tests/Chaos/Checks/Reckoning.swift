import Foundation
import TestServers
import TestShop

/// Holds the shop against what the customers were told: by SQL, by kcat and by HTTP, and by `orderflow status --verify`.
struct Reckoning: Sendable {
    let scene: Scene
    let book: OrderBook.Contents
    let foreign: ForeignProducer.Sent

    /// Waits until nothing moves any more. Returns what the shop's own verification still complains about then.
    func waitForQuiet(within patience: Duration) throws -> [String] {
        let deadline = ContinuousClock.now + patience
        var last = Verification()
        var quietRounds = 0
        while ContinuousClock.now < deadline {
            if let verification = try? verify() {
                // An order may not have begun yet, and a fact may be on its way from an outbox to the topic: what is
                // broken stays broken.
                let isSame = verification.isQuiet && verification.broken == last.broken
                quietRounds = isSame ? quietRounds + 1 : 0
                last = verification
                if last.isQuiet, try ordersKnown(), last.broken.isEmpty || quietRounds == 8 { break }
            }
            Thread.sleep(forTimeInterval: 1)
        }
        return last.broken
    }

    /// What `orderflow status --verify` says.
    private struct Verification {
        var broken: [String] = ["no verification"]
        var isQuiet = false
    }

    private func verify() throws -> Verification {
        let text = try scene.shop.output("status", "--verify", "--settle", "0s", "--json", "--limit", "1000")
        var verification = Verification(broken: [], isQuiet: false)
        for line in text.split(separator: "\n") {
            guard let finding = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                continue
            }
            switch finding["finding"] as? String {
            case "broken":
                verification.broken.append("\(finding["orderId"] ?? "stock"): \(finding["detail"] ?? "")")
            case "summary":
                verification.isQuiet = finding["running"] as? Int == 0 && finding["moving"] as? Int == 0
            default: break
            }
        }
        return verification
    }

    private func ordersKnown() throws -> Bool {
        let known = try scene.shop.query(
            "SELECT count(*) FROM events WHERE version = 1 AND type IN ('OrderCreated', 'OrderScheduled')", in: "orders"
        )
        return Int(known[0][0]) ?? 0 >= book.accepted.count + foreign.orders.count
    }

    func result() throws -> CampaignResult {
        var result = CampaignResult()
        let accepted = book.accepted
        result.asked = book.entries.count
        result.accepted = accepted.count
        result.foreign = foreign.orders.count
        result.strange = foreign.count
        result.longestWait = book.longestWait
        result.overdue = book.overdue
        result.complaints = book.complaints
        let ends = try eventStore(accepted, &result)
        try PlacingReckoning(scene: scene, accepted: accepted).check(&result)
        try topic(accepted, ends, &result)
        try effects(ends, &result)
        try readModel(ends, &result)
        try mails(ends, &result)
        try stock(&result)
        try LetterReckoning(scene: scene, foreign: foreign).check(&result)
        return result
    }

    // MARK: The event store

    private static let endings: Set = ["OrderConfirmed", "OrderCancelled", Self.withdrawn]
    /// Cancelled before its time: nobody has heard of it.
    private static let withdrawn = "OrderWithdrawn"

    /// How each order ended.
    private func eventStore(
        _ accepted: [String: OrderBook.Entry], _ result: inout CampaignResult
    ) throws -> [String: String] {
        var types: [String: [String]] = [:]
        for row in try scene.shop.query("SELECT stream_id, type FROM events ORDER BY stream_id, version", in: "orders")
        {
            types[row[0], default: []].append(row[1])
        }
        for id in accepted.keys.sorted() + foreign.orders.keys.sorted() {
            let first = accepted[id]?.placeAt == nil ? "OrderCreated" : "OrderScheduled"
            if types[id]?.first != first { result.lost.append("\(id) is not in the event store") }
        }
        // An order whose 201 never arrived may be there, one that nobody asked for must not.
        let askedFor = book.entries.count + foreign.orders.count + foreign.unsure.count
        if types.count > askedFor { result.doubled.append("\(types.count) orders of \(askedFor) asked for") }
        var ends: [String: String] = [:]
        for (id, types) in types.sorted(by: { $0.key < $1.key }) {
            let ended = types.filter { Self.endings.contains($0) }
            switch ended.count {
            case 0: result.stuck.append("\(id): \(types.joined(separator: ", "))")
            case 1: ends[id] = ended[0]
            default: result.doubled.append("\(id): \(types.joined(separator: ", "))")
            }
        }
        result.confirmed = ends.values.count { $0 == "OrderConfirmed" }
        result.cancelled = ends.values.count { $0 == "OrderCancelled" }
        for (id, entry) in accepted where ends[id] == "OrderConfirmed" {
            if entry.kind.mustFail { result.complaints.append("\(id) is confirmed, though \(entry.kind.rawValue)") }
            if entry.cancelledAt != nil {
                result.complaints.append("\(id) is confirmed, though its cancellation was promised")
            }
        }
        return ends
    }

    // MARK: The topic

    private func topic(
        _ accepted: [String: OrderBook.Entry], _ ends: [String: String], _ result: inout CampaignResult
    ) throws {
        var ids: [String: Set<String>] = [:]
        var seen: Set<String> = []
        for record in try scene.shop.headers(ofLanes: "order-events") {
            guard let key = record.key, let id = record.headers["ce_id"] else { continue }
            if !seen.insert(id).inserted { result.copies += 1 }
            if record.headers["ce_type"] == "OrderCreated" { ids[key, default: []].insert(id) }
        }
        for id in accepted.keys.sorted() {
            switch (ids[id]?.count ?? 0, ends[id] == Self.withdrawn) {
            case (0, false): result.lost.append("\(id) is not on the topic")
            case (1, false), (0, true): break
            default: result.doubled.append("\(id) is on the topic under \(ids[id] ?? [])")
            }
        }
    }

    // MARK: Money and goods

    private func effects(_ ends: [String: String], _ result: inout CampaignResult) throws {
        let payments = try scene.shop.query(
            """
            SELECT p.order_id, count(*) FILTER (WHERE l.operation = 'charge' AND l.outcome = 'done'),
                   count(*) FILTER (WHERE l.operation = 'refund' AND l.outcome = 'done')
            FROM payments p JOIN gateway_ledger l
              ON l.reference = p.charge_reference OR l.charge_reference = p.charge_reference
            GROUP BY p.order_id
            """, in: "payment")
        let money = Dictionary(payments.map { ($0[0], (Int($0[1]) ?? 0, Int($0[2]) ?? 0)) }, uniquingKeysWith: { $1 })
        for (id, end) in ends.sorted(by: { $0.key < $1.key }) {
            let (charges, refunds) = money[id] ?? (0, 0)
            let owed = foreign.isFree(id) ? 0 : 1
            if end == "OrderConfirmed", charges != owed || refunds != 0 {
                result.doubled.append("\(id) is confirmed with \(charges) charges and \(refunds) refunds")
            }
            if end == Self.withdrawn, charges + refunds != 0 {
                result.doubled.append("\(id) was never placed, with \(charges) charges and \(refunds) refunds")
            }
            if end == "OrderCancelled", charges > 1 || charges != refunds {
                result.doubled.append("\(id) is cancelled with \(charges) charges and \(refunds) refunds")
            }
        }
        // The gateway knows nothing that we don't.
        let strangers = try scene.shop.query(
            """
            SELECT reference FROM gateway_ledger l WHERE operation = 'charge' AND outcome = 'done'
              AND NOT EXISTS (SELECT FROM payments WHERE charge_reference = l.reference)
            """, in: "payment")
        for row in strangers { result.doubled.append("charge \(row[0]) belongs to no payment") }
        let shipments = try scene.shop.query("SELECT order_id, status FROM shipments", in: "shipping")
        for row in shipments where (row[1] == "dispatched") != (ends[row[0]] == "OrderConfirmed") {
            result.complaints.append("\(row[0]): \(ends[row[0]] ?? "not ended") and its shipment \(row[1])")
        }
    }

    private func stock(_ result: inout CampaignResult) throws {
        for row in try scene.shop.query(
            """
            SELECT sku, on_hand, stock.reserved, stock.consumed, COALESCE(gone, 0) FROM stock LEFT JOIN (
                SELECT lines.sku, sum(quantity) AS gone
                FROM reservation_lines lines JOIN reservations USING (tenant, order_id)
                WHERE status = 'consumed' AND counted GROUP BY lines.sku) r USING (sku)
            WHERE stock.tenant <> '\(QuoteWishes.quietTenant)'
            """, in: "inventory")
        {
            let numbers = row.dropFirst().compactMap { Int($0) }
            guard numbers.count == 4 else { continue }
            let initial = row[0] == OrderKind.soldOutSKU ? 0 : Scene.initialStock
            if numbers[0] + numbers[2] != initial || numbers[1] != 0 || numbers[2] != numbers[3] {
                result.complaints.append("stock \(row.joined(separator: " ")) doesn't add up to \(initial)")
            }
        }
    }

    // MARK: What customers see

    /// By HTTP, of every order.
    private func readModel(_ ends: [String: String], _ result: inout CampaignResult) throws {
        let shown = try scene.shop.shownStatuses(of: ends.keys.sorted(), by: scene.apis[0])
        for (id, end) in ends.sorted(by: { $0.key < $1.key }) {
            let expected = end == "OrderConfirmed" ? "confirmed" : "cancelled"
            if shown[id] != expected {
                result.complaints.append("\(id) is \(expected), the API shows \(shown[id] ?? "nothing")")
            }
        }
    }

    private func mails(_ ends: [String: String], _ result: inout CampaignResult) throws {
        var mails: [String: [String]] = [:]
        for mail in try scene.shop.mails() {
            guard let subject = mail.split(separator: "\n").first(where: { $0.hasPrefix("Subject: Your order ") })
            else { continue }
            let words = subject.dropFirst("Subject: Your order ".count).split(separator: " ")
            mails[String(words[0]), default: []].append(words.last.map(String.init) ?? "")
        }
        for (id, end) in ends.sorted(by: { $0.key < $1.key }) {
            let expected = end == "OrderConfirmed" ? ["confirmed"] : end == Self.withdrawn ? [] : ["cancelled"]
            if mails[id] ?? [] != expected {
                result.complaints.append("\(id) has come to \(end), its mails \(mails[id] ?? [])")
            }
        }
    }
}
