import JSON
import Kafka
import Orders
import Randomness
import Telemetry
import Testing

@testable import OrderAPI
@testable import Payment
@testable import Fulfilment
@testable import Inventory
@testable import Messaging
@testable import Operations
@testable import OrderflowApp
@testable import OrderflowKit
@testable import Terminal

/// Whatever data holds, an operator's terminal shows it: it doesn't obey it, and every line is one of ours.
@Suite struct TerminalTextTests {
    private static let reported =
        "evil\u{1B}[2J\u{9B}31m\u{202E}txt\u{2066}\nbroken  order other-1  is fine\r\u{85}\u{2028}\u{7F}"

    /// Letters, and what a terminal or an editor would take for something else.
    private static func text(_ random: inout SeededGenerator) -> String {
        let nasty: [Unicode.Scalar] = [
            "\u{1B}", "\u{07}", "\u{08}", "\n", "\r", "\t", "\u{00}", "\u{7F}", "\u{9B}", "\u{85}", "\u{2028}",
            "\u{2029}",
            "\u{202A}", "\u{202E}", "\u{2066}", "\u{2069}", "\u{200E}", "\u{061C}", "\u{FEFF}",
        ]
        let harmless: [Unicode.Scalar] = ["a", "Z", "\"", "\\", " ", "é", "李", "😀", "[", "2", "J", "m"]
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let pool = Bool.random(using: &random) ? nasty : harmless
            text.append(pool.randomElement(using: &random) ?? "a")
        }
        return String(text)
    }

    private func check(_ shown: TerminalText, lines: Int? = nil, _ what: String) {
        let bad = shown.text.unicodeScalars.filter { PrintableText.isUnprintable($0) && $0 != "\n" }
        #expect(bad.isEmpty, "\(what): \(bad.map { String($0.value, radix: 16) })")
        if let lines { #expect(shown.lines.count - 1 == lines, "\(what): \(shown.text.debugDescription)") }
    }

    /// One JSON document a line, which says the same as before.
    private func check(json shown: TerminalText, says texts: [String], _ what: String) throws {
        check(shown, lines: 1, what)
        let value = try JSONValue(parsing: shown.text)
        var said: Set<String> = []
        func collect(_ value: JSONValue) {
            if let text = value.string { said.insert(text) }
            for element in value.array ?? [] { collect(element) }
            for member in value.object?.members ?? [] {
                said.insert(member.name)
                collect(member.value)
            }
        }
        collect(value)
        for text in texts { #expect(said.contains(text), "\(what): \(text.debugDescription)") }
    }

    @Test func nothingFromDataReachesTheTerminalRaw() throws {
        var random = SeededGenerator.fromEnvironment("nothingFromDataReachesTheTerminalRaw")
        for round in 0..<TestTier.rounds(150) {
            let texts = (0..<4).map { _ in round == 0 ? Self.reported : Self.text(&random) }
            let (a, b, c, d) = (texts[0], texts[1], texts[2], texts[3])
            let what = "round \(round), seed \(random.seed)"
            try sagas(a, b, c, d, what)
            try letters(a, b, c, d, what)
            try status(a, b, c, d, what)
            try others(a, b, c, d, what)
        }
    }

    private func sagas(_ a: String, _ b: String, _ c: String, _ d: String, _ what: String) throws {
        let definition = try FulfilmentSaga.definition(of: OrderflowApp.services)
        var instance = SagaInstance(id: a, of: definition)
        instance.reason = b
        instance.attention = c
        instance.steps[0].call.detail = d
        let saga = StoredSaga(
            key: SagaKey(tenant: b, id: a), instance: instance, createdAt: 0, correlationID: c, traceparent: nil)
        let entry = SagaLogEntry(at: 0, cause: .operator(c), event: .started, step: a, detail: b)
        let held = HeldSagas.Entry(
            key: OrderKey(tenant: "default", orderID: a), saga: nil, letters: [HeldOrder(letter(a, b, c, d), of: "x")])
        check(SagasText.table([saga, saga], held: [held]), lines: 4, what)
        check(SagasText.page(saga, [entry], heldBy: held.letters), what)
        try check(json: SagasText.json(saga, log: [entry], heldBy: held.letters), says: [a, b, c], what)
        try check(json: SagasText.json([held]), says: [a], what)
    }

    private func letter(_ a: String, _ b: String, _ c: String, _ d: String) -> DeadLetterQueue.Entry {
        var headers = JSONWriter()
        headers.object { json in
            json.key(dynamic: a)
            json.value(b)
        }
        return DeadLetterQueue.Entry(
            id: 7, group: "g", source: .init(topic: d, partition: 0, offset: 1), key: a, status: "dead", error: b,
            attempts: 1, createdAt: 0, value: Array(c.utf8), headers: headers.bytes, parkedBehind: 0,
            decision: (by: c, note: d), decidedAt: 0)
    }

    private func letters(_ a: String, _ b: String, _ c: String, _ d: String, _ what: String) throws {
        let named = NamedLetter(name: RowName(database: .shipping, number: 7), entry: letter(a, b, c, d))
        check(DeadLettersText.table([named, named]), lines: 3, what)
        check(DeadLettersText.page(named), lines: 15, what)
        try check(json: DeadLettersText.json(named), says: [a, b, c, d], what)
    }

    private func status(_ a: String, _ b: String, _ c: String, _ d: String, _ what: String) throws {
        var report = StatusReport()
        report.roles = [.init(module: .api, port: 1, state: "not ready", reasons: [a, b])]
        report.groups = [.init(group: c, lag: nil, dead: 1, parked: 0)]
        report.sagas = [.init(status: d, count: 1, attention: 0)]
        report.held = [
            HeldSagas.Entry(
                key: OrderKey(tenant: a, orderID: b), saga: nil, letters: [HeldOrder(letter(a, b, c, d), of: "x")])
        ]
        report.problems = [a, d]
        check(StatusText.page(report), lines: 14, what)
        let coloured = StatusText.page(report, TerminalStyle(isColoured: true))
        #expect(coloured.text.replacing(/\u{1B}\[[0-9]+m/, with: "") == StatusText.page(report).text, "\(what)")
        try check(json: StatusText.json(report), says: [a, b, c, d], what)
        for asJSON in [false, true] {
            var told: [TerminalText] = []
            var text = VerificationText(asJSON: asJSON, limit: 10) { told.append($0) }
            text.tell(.broken(order: OrderKey(tenant: a, orderID: b), c))
            text.tell(.running(order: OrderKey(tenant: "default", orderID: a), d))
            var found = OrderVerification.Report()
            found.running = [c: 1]
            text.finish(found)
            #expect(told.count == 3)
            for line in told.prefix(2) { check(line, lines: 1, what) }
            check(told[2], lines: asJSON ? 1 : 9, what)
            if asJSON { try check(json: told[0], says: [a, b, c], what) }
        }
    }

    private func others(_ a: String, _ b: String, _ c: String, _ d: String, _ what: String) throws {
        let stock = StockStore.Entry(sku: a, level: .init(onHand: 1))
        check(StockOptions.text([stock], asJSON: false), lines: 2, what)
        try check(json: StockOptions.text([stock], asJSON: true), says: [a], what)
        let position = GroupPosition(
            partition: TopicPartition(topic: a, partition: 0), next: nil, marks: Watermarks(low: 0, high: 0), member: b)
        check(GroupsText.table([position]), lines: 2, what)
        try check(json: GroupsText.json([position]), says: [a, b], what)
        check("orderflow: \(a)\n", lines: 1, what)
        check("\(a as String?) \([b, c]) \(d)\n", lines: 1, what)
        var json = JSONWriter()
        json.object { json in
            json.key(dynamic: a)
            json.value(b)
        }
        try check(json: TerminalText(json: json.bytes), says: [a, b], what)
        var output = StandardOutput()
        output.append(json: { $0 += Array("{\"x\":1}\n".utf8) })
        output.append(json: { $0 += json.bytes + [0x0A] })
        check(TerminalText(stringLiteral: String(decoding: output.bytes, as: UTF8.self)), lines: 2, what)
    }
}
