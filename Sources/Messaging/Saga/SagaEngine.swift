/// The saga engine: a pure function from an instance and an input to the instance's next state, the commands to send
/// and the lines of history. It knows no clock, no database and no meaning of any step.
///
/// It works by level, not by edge: first the input is written down in the state, then the state is looked at for what
/// has to be done next. So facts may come twice, in any order, and before anything asked for them: whatever state they
/// lead to, the next command follows from it once.
extension SagaDefinition {
    /// - Parameter now: microseconds since the Unix epoch, never decreasing but for clock corrections.
    /// - Throws: what a command builder throws, and `SagaRefusal` for operators' inputs.
    public func react(
        _ instance: SagaInstance, to input: SagaInput, at now: Int64, conduct: SagaConduct = .leading
    ) throws -> SagaTransition {
        try react(instance, to: input, at: now, conduct: conduct, reason: reason)
    }

    /// - Parameter reason: the words of a fact, where its payload isn't at hand any more.
    func react(
        _ instance: SagaInstance, to input: SagaInput, at now: Int64, conduct: SagaConduct,
        reason: (_ type: String, _ payload: [UInt8]) -> String?
    ) throws -> SagaTransition {
        var reaction = SagaReaction(
            definition: self, instance: instance, now: now, cause: input.cause, conduct: conduct)
        switch input {
        case .fact(let type, let payload, _):
            for role in roles[type] ?? [] {
                reaction.record(role, type: type, payload: payload, words: { reason(type, payload) ?? type })
            }
        case .deadline: try reaction.passDeadlines()
        case .retry(let note, _): try reaction.askAgain(note: note)
        case .resolve(let step, let note, _): try reaction.resolve(step, note: note)
        }
        try reaction.advance()
        return reaction.finish()
    }
}

/// What the engine is to the participants.
public enum SagaConduct: String, Hashable, Sendable, CaseIterable {
    /// Commands them.
    case leading
    /// Sends no commands: they react to each other (choreography), and it keeps track of where each instance stands.
    /// An outcome that is overdue needs attention, but fails nothing.
    case watching
}

/// One transition in the making.
struct SagaReaction {
    let definition: SagaDefinition
    var transition: SagaTransition
    let now: Int64
    let conduct: SagaConduct
    private let cause: SagaCause

    var instance: SagaInstance {
        _read { yield transition.instance }
        _modify { yield &transition.instance }
    }

    init(definition: SagaDefinition, instance: SagaInstance, now: Int64, cause: SagaCause, conduct: SagaConduct) {
        self.definition = definition
        self.now = now
        self.cause = cause
        self.conduct = conduct
        transition = SagaTransition(instance: instance)
    }

    mutating func log(_ event: SagaLogEntry.Event, step: Int? = nil, detail: String? = nil) {
        log(event, stepID: step.map { definition.steps[$0].id }, detail: detail)
    }

    mutating func log(_ event: SagaLogEntry.Event, stepID: String?, detail: String? = nil) {
        transition.log.append(SagaLogEntry(at: now, cause: cause, event: event, step: stepID, detail: detail))
    }

    /// Makes a command and queues it. It is made even when it isn't sent, so that an instance whose commands
    /// can't be made is refused in either conduct.
    ///
    /// - Parameter expiresAt: of a step that is undone where it isn't taken by then.
    mutating func send(_ builder: SagaCommandBuilder, expiresAt: Int64? = nil) throws {
        let context = SagaContext(id: instance.id, start: instance.start, reason: instance.reason)
        var command = try builder(context)
        command.expiresAt = expiresAt
        if conduct == .leading { transition.commands.append(command) }
    }

    mutating func finish() -> SagaTransition {
        updateAttention()
        if transition.changed { transition.instance.version += 1 }
        return transition
    }

    // MARK: What the rules ask of the state

    /// The step may have left something behind.
    func needsUndo(_ index: Int) -> Bool {
        guard definition.steps[index].compensation != nil else { return false }
        let step = instance.steps[index]
        if step.undo.progress != .waiting { return true }
        return switch step.call.progress {
        case .requested, .succeeded, .timedOut: true
        case .waiting, .refused, .failed, .resolved: false
        }
    }

    func isUndone(_ index: Int) -> Bool { !needsUndo(index) || instance.steps[index].undo.isDone }

    /// From here on only the pivot's owner can still end the instance otherwise.
    var pivotIsAsked: Bool { definition.pivot.map { instance.steps[$0].call.progress != .waiting } ?? false }

    /// Says what should not have happened, until an operator has looked at it.
    mutating func anomaly(_ words: String, step: Int? = nil) {
        guard instance.anomaly != words else { return }
        instance.anomaly = words
        log(.anomaly, step: step, detail: words)
    }

    private mutating func updateAttention() {
        let wanted = attention() ?? instance.anomaly
        guard wanted != instance.attention else { return }
        instance.attention = wanted
        log(wanted == nil ? .attentionEnded : .attention, detail: wanted)
    }

    private func attention() -> String? {
        switch instance.status {
        case .awaitingStart, .completed, .compensated: return nil
        case .running:
            for index in definition.steps.indices where instance.steps[index].call.isAskedInVain {
                let step = definition.steps[index]
                if let words = words(instance.steps[index].call, step.retry, step.id) { return words }
            }
            return nil
        case .compensating:
            for index in definition.steps.indices where instance.steps[index].undo.isAskedInVain {
                let step = definition.steps[index]
                guard let compensation = step.compensation else { continue }
                if let words = words(instance.steps[index].undo, compensation.retry, "undoing \(step.id)") {
                    return words
                }
            }
            return words(instance.abort, definition.abort.retry, SagaInput.abortStep)
        }
    }

    private func words(_ call: SagaCall, _ retry: SagaRetry, _ what: String) -> String? {
        guard call.isAskedInVain else { return nil }
        if call.refusals >= retry.attentionAfter {
            return "\(what) keeps being refused" + (call.detail.map { ": \($0)" } ?? "")
        }
        if conduct == .watching { return call.unanswered > 0 ? "\(what) is overdue" : nil }
        return call.unanswered >= retry.attentionAfter ? "\(what) stays unanswered" : nil
    }
}
