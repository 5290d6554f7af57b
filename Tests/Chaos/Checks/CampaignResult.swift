/// What came of a campaign.
struct CampaignResult: Sendable {
    var seed: UInt64 = 0
    var mode = ""
    var faults: [Fault: Int] = [:]
    /// Orders that customers asked for, those answered 201, and those of foreign producers.
    var asked = 0
    var accepted = 0
    var foreign = 0
    /// Records of strangers, by kind.
    var strange: [StrangeRecord: Int] = [:]
    var confirmed = 0
    var cancelled = 0
    /// Orders that had a time of their own: placed at it, or cancelled before.
    var placed = 0
    var withdrawn = 0
    /// Refused, since nobody took them before their time had passed.
    var overdue = 0
    /// By id, each with what is wrong.
    var lost: [String] = []
    var doubled: [String] = []
    var stuck: [String] = []
    /// Other broken promises.
    var complaints: [String] = []
    /// What the receiver of webhooks was told.
    var told = WebhookReckoning.Standing()
    var answers: [Receiver.Answer: Int] = [:]
    /// What a partner's topic has.
    var copied = RouteReckoning.Standing()
    /// What those were answered who asked what things would cost.
    var quotes = QuoteWishes.Standing()
    /// Records that are on their topic more than once, by the same id.
    var copies = 0
    /// Daemons that ended by themselves and were started again, as a supervisor does.
    var falls: [String] = []
    var settling: Duration = .zero
    var longestWait: Duration = .zero
    /// Kilobytes, by role.
    var peakMemory: [String: Int] = [:]

    var isSound: Bool {
        lost.isEmpty && doubled.isEmpty && stuck.isEmpty && complaints.isEmpty && told.isSound
            && copied.isSound
    }

    var table: String {
        var rows: [(String, String)] = [("seed", "\(seed)"), ("mode", mode)]
        rows += Fault.allCases.compactMap { fault in faults[fault].map { ("  \(fault.rawValue)", "\($0)") } }
        rows += StrangeRecord.allCases.compactMap { kind in strange[kind].map { ("  \(kind.rawValue)", "\($0)") } }
        rows += [
            ("faults", "\(faults.values.reduce(0, +))"), ("orders asked for", "\(asked)"),
            ("orders accepted", "\(accepted) (and \(foreign) foreign)"), ("confirmed", "\(confirmed)"),
            ("cancelled", "\(cancelled)"),
            ("placed later", "\(placed) (\(withdrawn) withdrawn before, \(overdue) too late to be taken)"),
            ("lost", "\(lost.count)"), ("doubled", "\(doubled.count)"),
            ("stuck", "\(stuck.count)"), ("other complaints", "\(complaints.count)"),
            ("daemons that ended by themselves", "\(falls.count)"), ("copies on the topic", "\(copies)"),
            ("facts told by webhooks", "\(told.expected) (and \(told.copies) copies)"),
            ("  lost", "\(told.lost.count)"), ("  out of order", "\(told.disordered.count)"),
            ("  badly signed", "\(told.unsigned.count)"),
            (
                "  answered",
                Receiver.Answer.allCases.map { "\($0.rawValue) \(answers[$0] ?? 0)" }.joined(separator: ", ")
            ),
            ("facts copied to a partner", "\(copied.expected) (and \(copied.copies) copies)"),
            ("  lost", "\(copied.lost.count)"), ("  out of order", "\(copied.disordered.count)"),
            ("  unwanted", "\(copied.unwanted.count)"),
            (
                "quotes answered",
                "\(quotes.answered) (503: \(quotes.unavailable), 504: \(quotes.late), process gone: \(quotes.unheard))"
            ),
            ("  longest wait", Self.seconds(quotes.longestWait)),
            ("longest wait for an answer", Self.seconds(longestWait)), ("quiet after", Self.seconds(settling)),
            (
                "peak memory",
                peakMemory.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value >> 10)" }.joined(separator: ", ")
                    + " MiB"
            ),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        var text = rows.map { $0.0.padding(to: width) + "  " + $0.1 }.joined(separator: "\n") + "\n"
        for (name, list) in [
            ("lost", lost), ("doubled", doubled), ("stuck", stuck), ("complaint", complaints), ("ended", falls),
            ("not told", told.lost), ("told out of order", told.disordered), ("badly signed", told.unsigned),
            ("not copied", copied.lost), ("copied out of order", copied.disordered),
            ("copied, though unwanted", copied.unwanted),
        ] {
            for item in list.prefix(50) { text += "\(name): \(item)\n" }
        }
        return text
    }

    private static func seconds(_ duration: Duration) -> String {
        "\((duration / .milliseconds(100)).rounded() / 10) s"
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
