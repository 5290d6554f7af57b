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
