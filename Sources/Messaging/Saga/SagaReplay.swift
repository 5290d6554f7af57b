/// One instance's log, put through a definition from the beginning.
///
/// Lines of one version come from one input, and say which: the fact's type and words, what was overdue, what an operator
/// took care of. So nothing but the log and the payload of the start is needed; how long was waited is taken from the log and
/// not from the definition's deadlines. Facts that changed nothing when they came, or that the definition of that time didn't
/// hear, aren't in it.
struct SagaReplay {
    private let definition: SagaDefinition
    private let conduct: SagaConduct
    private let start: [UInt8]
    private(set) var instance: SagaInstance
    private var pending: (version: Int, entries: [SagaLogEntry])?
    /// Times play no part but for their order.
    private var moment: Int64 = 0

    /// - Parameter start: payload of the fact that started the instance.
    init(_ definition: SagaDefinition, conduct: SagaConduct, id: String, start: [UInt8]) {
        self.definition = definition
        self.conduct = conduct
        self.start = start
        instance = SagaInstance(id: id, of: definition)
    }

    /// The next line. Throws what a command's builder throws.
    mutating func add(_ entry: SagaLogEntry, version: Int) throws {
        if pending?.version == version {
            pending?.entries.append(entry)
        } else {
            try finish()
            pending = (version, [entry])
        }
    }

    /// Puts the last input through.
    mutating func finish() throws {
        guard let (_, entries) = pending, let cause = entries.first?.cause else { return }
        pending = nil
        moment += 1
        switch cause {
        case .message(let id, let type):
            let isStart = entries.contains { $0.event == .started }
            let words = entries.lazy.filter { Self.carriesWords.contains($0.event) }.compactMap(\.detail).first
            try put(.fact(type: type, payload: isStart ? start : [], messageID: id), words)
        case .deadline:
            makeDue(entries)
            try put(.deadline, nil)
        case .operator(let who):
            let wish: SagaInput
            if entries.contains(where: { $0.event == .retried }) {
                wish = .retry(note: "", by: who)
            } else if let step = entries.first(where: { $0.event == .resolved })?.step {
                wish = .resolve(step: step, note: "", by: who)
            } else {
                // An anomaly was looked into, which moves nothing.
                return
            }
            do {
                try put(wish, nil)
            } catch is SagaRefusal {
                // Nothing of the kind is waited for: the comparison will say so.
            }
        }
    }

    private static let carriesWords: Set<SagaLogEntry.Event> = [.cancelled, .failed, .undoRefused]

    private mutating func put(_ input: SagaInput, _ words: String?) throws {
        instance = try definition.react(instance, to: input, at: moment, conduct: conduct, reason: { _, _ in words })
            .instance
    }

    /// Has that come due which was overdue then, and nothing else.
    private mutating func makeDue(_ entries: [SagaLogEntry]) {
        var late: Set<String> = []
        for entry in entries {
            switch entry.event {
            case .timedOut, .overdue, .requestedAgain, .undoRequestedAgain, .abortRequestedAgain:
                if let step = entry.step { late.insert(step) }
            default: break
            }
        }
        for index in instance.steps.indices {
            let isLate = late.contains(instance.steps[index].id)
            let (call, undo) = (instance.steps[index].call, instance.steps[index].undo)
            instance.steps[index].call.dueAt = isLate && call.isAsked ? moment : nil
            instance.steps[index].undo.dueAt = isLate && undo.isAsked ? moment : nil
        }
        let isLate = late.contains(SagaInput.abortStep) && instance.abort.isAsked
        instance.abort.dueAt = isLate ? moment : nil
    }
}
