import JSON
import OrderflowKit
import Terminal

/// What `orderflow status --verify` finds, told as it is found.
package struct VerificationText {
    private let asJSON: Bool
    private let limit: Int
    private var brokenTold = 0
    private var runningTold = 0

    private let write: (TerminalText) -> Void

    package init(asJSON: Bool, limit: Int, write: @escaping (TerminalText) -> Void = Terminal.tell) {
        self.asJSON = asJSON
        self.limit = limit
        self.write = write
    }

    package mutating func tell(_ finding: OrderVerification.Finding) {
        switch finding {
        case .broken(let order, let text):
            brokenTold += 1
            if brokenTold <= limit { line("broken", order, text) }
        case .running(let order, let reason):
            runningTold += 1
            if runningTold <= limit { line("running", order, reason) }
        }
    }

    private func line(_ kind: String, _ order: OrderKey?, _ text: String) {
        guard asJSON else {
            let tenant = order.map { $0.tenant == "default" ? "" : " of tenant \($0.tenant)" } ?? ""
            write("\(kind)  \(order.map { "order \($0.orderID)\(tenant)  " } ?? "")\(text)\n")
            return
        }
        var json = JSONWriter()
        json.object { json in
            json.field("finding", kind)
            json.field("orderId", order?.orderID)
            json.field("tenant", order?.tenant)
            json.field("detail", text)
        }
        write(TerminalText(json: json.bytes))
    }

    package func finish(_ report: OrderVerification.Report) {
        let waiting = report.running.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        guard asJSON else {
            var rows = [
                ["orders", "\(report.orders)"], ["confirmed", "\(report.confirmed)"],
                ["cancelled", "\(report.cancelled)"], ["running", "\(waiting.reduce(0) { $0 + $1.value })"],
            ]
            rows += waiting.map { ["", "\($0.value) \($0.key)"] }
            rows += [
                ["changed just now", "\(report.moving)"], ["without an address", "\(report.unaddressed)"],
                ["records", "\(report.records), \(report.copies) of them copies, \(report.unreadable) unreadable"],
                ["broken", "\(report.broken)"],
            ]
            write(TextTable.write(rows))
            return
        }
        var json = JSONWriter()
        json.object { json in
            json.field("finding", "summary")
            json.field("orders", report.orders)
            json.field("confirmed", report.confirmed)
            json.field("cancelled", report.cancelled)
            json.field("running", waiting.reduce(0) { $0 + $1.value })
            json.key("waiting")
            json.object { json in
                for (reason, count) in waiting {
                    json.key(dynamic: reason)
                    json.value(count)
                }
            }
            json.field("moving", report.moving)
            json.field("unaddressed", report.unaddressed)
            json.field("records", report.records)
            json.field("copies", report.copies)
            json.field("unreadable", report.unreadable)
            json.field("broken", report.broken)
        }
        write(TerminalText(json: json.bytes))
    }
}
