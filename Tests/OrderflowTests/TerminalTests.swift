import Messaging
import Testing

@testable import OrderAPI
@testable import Payment
@testable import Operations
@testable import OrderflowApp
@testable import OrderflowKit
@testable import Terminal

@Suite struct TerminalTests {
    private var report: StatusReport {
        var report = StatusReport()
        report.roles = [
            .init(module: .api, port: 3000, state: "ready", reasons: []),
            .init(module: .payment, port: 3005, state: "not ready", reasons: ["gateway: away"]),
        ]
        report.groups = [.init(group: "payment-group", lag: 7, dead: 1, parked: 0)]
        report.sagas = [.init(status: "running", count: 3, attention: 0)]
        return report
    }

    @Test func aPageHasColourOnlyWhereItIsWanted() {
        let plain = StatusText.page(report).text
        #expect(!plain.contains("\u{1B}"))
        let coloured = StatusText.page(report, TerminalStyle(isColoured: true)).text
        #expect(coloured.contains("\u{1B}[32mready\u{1B}[0m") && coloured.contains("\u{1B}[31mnot ready\u{1B}[0m"))
        #expect(coloured.contains("\u{1B}[31m1\u{1B}[0m"))
        // The colour takes no place: without it the columns are the same.
        #expect(coloured.replacing(/\u{1B}\[[0-9]+m/, with: "") == plain)
    }

    @Test func aSlotThatNobodyReadsIsNamed() {
        var report = report
        func slot(_ name: String, _ isRead: Bool) -> RelaySlot {
            RelaySlot(name: "orderflow_relay_\(name)", isRead: isRead, state: "reserved", keptBytes: 5 << 20)
        }
        report.slots = [
            .init(service: "orders", slot: slot("events_1", true), isWanted: true),
            .init(service: "orders", slot: slot("outbox_1", false), isWanted: true),
            .init(service: "payment", slot: slot("outbox_2", false), isWanted: false),
        ]
        let lines = StatusText.page(report).text.split(separator: "\n")
        func line(_ name: String) -> Substring { lines.first { $0.hasPrefix("orderflow_relay_\(name)") } ?? "" }
        #expect(line("events_1").contains("reserved") && !line("events_1").contains("nobody"))
        #expect(line("outbox_1").contains("nobody reads it") && line("outbox_1").contains(" 5 "))
        #expect(line("outbox_2").contains("`orderflow migrate` drops it"))
        #expect(
            StatusText.json(report).text.contains(#""slot":"orderflow_relay_outbox_1","service":"orders","read":false"#)
        )
    }

    @Test func linesAreCutToTheScreen() {
        #expect(TerminalScreen.cut("abcdef", to: 4) == "abcd")
        #expect(TerminalScreen.cut("a\u{1B}[31mbcdef\u{1B}[0m", to: 3) == "a\u{1B}[31mbc\u{1B}[0m")
        #expect(TerminalScreen.cut("", to: 3) == "")
    }

    @Test func whatRunsIsToldAsJSON() {
        let running: [(name: String, pid: Int32?)] = [("api", 7), ("saga", nil)]
        #expect(
            UpCommand.json(running, Settings(OrderflowApp.services)).text == """
                {"role":"api","pid":7,"url":"http://127.0.0.1:3000"}
                {"role":"saga","url":"http://127.0.0.1:3007"}

                """)
    }

    @Test func aLineOfJSONHasItsTime() throws {
        let line = StatusText.json(report, at: 0).text
        #expect(line.hasPrefix(#"{"at":"1970-01-01T00:00:00.000000Z","roles":[{"role":"api""#))
        #expect(line.split(separator: "\n").count == 1)
    }
}
