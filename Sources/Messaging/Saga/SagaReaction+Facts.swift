/// Writing down what a fact says. Sends nothing and decides nothing but the outcome of what the fact is about.
extension SagaReaction {
    mutating func record(_ role: SagaDefinition.FactRole, type: String, payload: [UInt8], words: () -> String) {
        switch role {
        case .start:
            guard instance.status == .awaitingStart else { return }
            instance.status = .running
            instance.start = payload
            instance.startedAt = now
            log(.started)
        case .cancel: recordCancellation(words(), type: type)
        case .aborted:
            guard !instance.abort.isDone else { return }
            instance.abort.settle(.succeeded, at: now)
            log(.aborted, stepID: SagaInput.abortStep)
        case .succeeded(let index): recordSuccess(index, type: type)
        case .expired(let index): recordExpiry(index)
        case .failed(let index): recordFailure(index, type: type, words: words())
        case .undone(let index): recordUndone(index, type: type)
        case .undoRefused(let index): recordRefusal(index, words: words())
        }
    }

    private mutating func recordCancellation(_ words: String, type: String) {
        switch instance.status {
        case .awaitingStart, .running:
            guard instance.reason == nil else { return }
            instance.reason = words
            log(.cancelled, detail: words)
        case .completed: anomaly("\(type) came after the end")
        case .compensating, .compensated: break
        }
    }

    private mutating func recordSuccess(_ index: Int, type: String) {
        let step = definition.steps[index]
        switch instance.steps[index].call.progress {
        case .succeeded, .resolved: return
        case .waiting, .requested, .refused: log(.succeeded, step: index)
        case .timedOut, .failed: log(.succeededLate, step: index)
        }
        instance.steps[index].call.settle(.succeeded, at: now)
        switch instance.status {
        case .compensating, .compensated:
            // The fact that cancelled us said that the pivot would not be reached.
            if step.isPivot { anomaly("\(type) came while everything was being undone", step: index) }
        case .awaitingStart, .running, .completed: break
        }
        if instance.status == .compensated, !isUndone(index) {
            anomaly("\(type) came after the end and is not undone", step: index)
        }
    }

    private mutating func recordFailure(_ index: Int, type: String, words: String) {
        let progress = instance.steps[index].call.progress
        switch progress {
        case .failed, .resolved: return
        case .succeeded:
            // A promise is taken back. What may have to be undone stays to be undone.
            switch instance.status {
            case .running where pivotIsAsked: return tooLate(type, index)
            case .awaitingStart, .running: break
            case .compensating, .compensated: return
            case .completed: return anomaly("\(type) came after the end", step: index)
            }
            if definition.steps[index].compensation == nil {
                instance.steps[index].call.settle(.failed, at: now, detail: words)
            }
        case .waiting, .requested, .refused, .timedOut:
            instance.steps[index].call.settle(.failed, at: now, detail: words)
        }
        log(.failed, step: index, detail: words)
        if instance.reason == nil, !instance.status.isEnd { instance.reason = words }
    }

    /// The step's command came too late and was not done: there is nothing to undo. A success that was told of before is no
    /// command's to take back.
    private mutating func recordExpiry(_ index: Int) {
        switch instance.steps[index].call.progress {
        case .waiting, .succeeded, .failed, .resolved: return
        case .requested, .refused, .timedOut: break
        }
        let words = definition.steps[index].lateness
        instance.steps[index].call.settle(.failed, at: now, detail: words)
        log(.failed, step: index, detail: words)
        if instance.reason == nil, !instance.status.isEnd { instance.reason = words }
    }

    /// The pivot may be decided already, and undoing what it was decided on would be worse.
    private mutating func tooLate(_ type: String, _ index: Int) {
        anomaly("\(type) came after everything had succeeded", step: index)
    }

    private mutating func recordUndone(_ index: Int, type: String) {
        guard !instance.steps[index].undo.isDone else { return }
        switch instance.status {
        case .completed: return anomaly("\(type) came after the end", step: index)
        case .compensated: return
        case .running where pivotIsAsked: return tooLate(type, index)
        case .awaitingStart, .running:
            // It was undone unasked; the rest can't stay.
            if instance.reason == nil { instance.reason = type }
        case .compensating: break
        }
        instance.steps[index].undo.settle(.succeeded, at: now)
        log(.undone, step: index)
    }

    private mutating func recordRefusal(_ index: Int, words: String) {
        guard instance.status == .compensating, instance.steps[index].undo.progress == .requested,
            let retry = definition.steps[index].compensation?.retry
        else { return }
        var undo = instance.steps[index].undo
        undo.progress = .refused
        undo.refusals += 1
        undo.unanswered = 0
        undo.detail = words
        undo.dueAt = now + retry.wait(afterRefusals: undo.refusals)
        instance.steps[index].undo = undo
        log(.undoRefused, step: index, detail: words)
    }
}
