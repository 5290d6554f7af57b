import Execution

/// Looking at the state for what has to be done now.
extension SagaReaction {
    mutating func advance() throws {
        if instance.status == .running { try advanceForwards() }
        if instance.status == .compensating { try advanceBackwards() }
    }

    private mutating func advanceForwards() throws {
        if let pivot = definition.pivot, instance.steps[pivot].call.isDone {
            return complete()
        }
        if let reason = instance.reason {
            instance.status = .compensating
            for index in instance.steps.indices { instance.steps[index].call.dueAt = nil }
            log(.compensating, detail: reason)
            return
        }
        // By index, here and elsewhere: a step taken out of its array costs a count of references for each of its members.
        for index in definition.steps.indices where isReady(index) {
            let step = definition.steps[index]
            if let command = step.command {
                // What can't be given up doesn't expire.
                try send(command, expiresAt: step.isPivot ? nil : now + step.deadline.microseconds)
            }
            instance.steps[index].call.request(at: now, answerWithin: step.deadline.microseconds)
            log(conduct == .leading ? .requested : .awaited, step: index)
        }
        if definition.pivot == nil, instance.steps.allSatisfy(\.call.isDone) { complete() }
    }

    /// The step hasn't been asked for, and what it comes after is done.
    private func isReady(_ index: Int) -> Bool {
        instance.steps[index].call.progress == .waiting
            && definition.dependencies[index].allSatisfy { instance.steps[$0].call.isDone }
    }

    private mutating func complete() {
        instance.status = .completed
        instance.endedAt = now
        log(.completed)
        if instance.reason != nil || instance.steps.contains(where: { !$0.call.isDone }) {
            anomaly("the end came before everything was done")
        }
    }

    private mutating func advanceBackwards() throws {
        if conduct == .watching, !instance.abort.isDone {
            // Participants without a leader go on until they hear of the end.
            for index in definition.steps.indices where index != definition.pivot && isReady(index) {
                instance.steps[index].call.request(
                    at: now, answerWithin: definition.steps[index].deadline.microseconds)
                log(.awaited, step: index)
            }
        }
        for index in definition.steps.indices.reversed() {
            guard needsUndo(index), instance.steps[index].undo.progress == .waiting,
                let compensation = definition.steps[index].compensation,
                // What builds on a step is undone before it.
                definition.dependents[index].allSatisfy({ isUndone($0) })
            else { continue }
            try send(compensation.command)
            instance.steps[index].undo.request(
                at: now, answerWithin: compensation.retry.wait(afterUnanswered: 0))
            log(conduct == .leading ? .undoRequested : .awaited, step: index)
        }
        guard instance.steps.indices.allSatisfy({ isUndone($0) }) else { return }
        if instance.abort.isDone {
            instance.status = .compensated
            instance.endedAt = now
            log(.compensated)
        } else if instance.abort.progress == .waiting {
            try send(definition.abort.command)
            instance.abort.request(at: now, answerWithin: definition.abort.retry.wait(afterUnanswered: 0))
            log(conduct == .leading ? .abortRequested : .awaited, stepID: SagaInput.abortStep)
        }
    }
}

/// Waits that are over.
extension SagaReaction {
    mutating func passDeadlines() throws {
        for index in definition.steps.indices {
            switch instance.status {
            case .running:
                guard instance.steps[index].call.isDue(at: now) else { continue }
                try passDeadline(of: index)
            case .compensating:
                guard instance.steps[index].undo.isDue(at: now) else { continue }
                try askUndoAgain(index, unanswered: instance.steps[index].undo.progress == .requested)
            case .awaitingStart, .completed, .compensated: return
            }
        }
        if instance.status == .compensating, instance.abort.isDue(at: now) { try askAbortAgain(unanswered: true) }
    }

    private mutating func passDeadline(of index: Int) throws {
        let step = definition.steps[index]
        if step.isPivot { return try askPivotAgain(index, unanswered: true) }
        if conduct == .watching {
            instance.steps[index].call.requestAgain(at: now, step.retry, unanswered: true)
            return log(.overdue, step: index)
        }
        instance.steps[index].call.settle(.timedOut, at: now)
        log(.timedOut, step: index)
        if instance.reason == nil { instance.reason = step.lateness }
    }
}

/// Operators who can't wait.
extension SagaReaction {
    /// Asks again now for everything that has to succeed in the end, and counts from zero.
    mutating func askAgain(note: String) throws {
        if conduct == .watching { throw SagaRefusal.watching }
        if instance.status.isEnd { throw SagaRefusal.ended(instance.status) }
        let waiting = askedFor
        guard !waiting.isEmpty else { throw SagaRefusal.notWaiting(step: "any step that can be asked again") }
        log(.retried, detail: note)
        instance.anomaly = nil
        for part in waiting {
            switch part {
            case .pivot(let index):
                instance.steps[index].call.forgetFailures()
                try askPivotAgain(index, unanswered: false)
            case .undo(let index):
                instance.steps[index].undo.forgetFailures()
                try askUndoAgain(index, unanswered: false)
            case .abort:
                instance.abort.forgetFailures()
                try askAbortAgain(unanswered: false)
            }
        }
    }

    mutating func resolve(_ id: String?, note: String) throws {
        guard let id else {
            if instance.anomaly != nil {
                instance.anomaly = nil
                return log(.resolved, detail: note)
            }
            if instance.status.isEnd { throw SagaRefusal.ended(instance.status) }
            let waiting = askedFor
            guard let only = waiting.first else { throw SagaRefusal.notWaiting(step: "any step that can be resolved") }
            guard waiting.count == 1 else { throw SagaRefusal.severalWaiting(waiting.map { name(of: $0) }) }
            return resolve(only, note: note)
        }
        if instance.status.isEnd { throw SagaRefusal.ended(instance.status) }
        guard id == SagaInput.abortStep || definition.steps.contains(where: { $0.id == id }) else {
            throw SagaRefusal.unknownStep(id)
        }
        guard let part = askedFor.first(where: { name(of: $0) == id }) else { throw SagaRefusal.notWaiting(step: id) }
        resolve(part, note: note)
    }

    /// What has to succeed in the end, and was asked for.
    private enum Part {
        case pivot(Int), undo(Int), abort
    }

    private var askedFor: [Part] {
        switch instance.status {
        case .awaitingStart, .completed, .compensated: return []
        case .running:
            guard let pivot = definition.pivot, instance.steps[pivot].call.isAsked else { return [] }
            return [.pivot(pivot)]
        case .compensating:
            let undos = instance.steps.indices.filter { instance.steps[$0].undo.isAsked }.map { Part.undo($0) }
            return undos + (instance.abort.isAsked ? [.abort] : [])
        }
    }

    private func name(of part: Part) -> String {
        switch part {
        case .pivot(let index), .undo(let index): definition.steps[index].id
        case .abort: SagaInput.abortStep
        }
    }

    private mutating func resolve(_ part: Part, note: String) {
        switch part {
        case .pivot(let index): instance.steps[index].call.settle(.resolved, at: now, detail: note)
        case .undo(let index): instance.steps[index].undo.settle(.resolved, at: now, detail: note)
        case .abort: instance.abort.settle(.resolved, at: now, detail: note)
        }
        log(.resolved, stepID: name(of: part), detail: note)
    }
}

/// Commands that are sent once more. While watching none is sent: it only gets later.
extension SagaReaction {
    private mutating func askPivotAgain(_ index: Int, unanswered: Bool) throws {
        let step = definition.steps[index]
        if let command = step.command { try send(command) }
        instance.steps[index].call.requestAgain(at: now, step.retry, unanswered: unanswered)
        log(conduct == .leading ? .requestedAgain : .overdue, step: index)
    }

    private mutating func askUndoAgain(_ index: Int, unanswered: Bool) throws {
        guard let compensation = definition.steps[index].compensation else { return }
        try send(compensation.command)
        instance.steps[index].undo.requestAgain(at: now, compensation.retry, unanswered: unanswered)
        log(conduct == .leading ? .undoRequestedAgain : .overdue, step: index)
    }

    private mutating func askAbortAgain(unanswered: Bool) throws {
        try send(definition.abort.command)
        instance.abort.requestAgain(at: now, definition.abort.retry, unanswered: unanswered)
        log(conduct == .leading ? .abortRequestedAgain : .overdue, stepID: SagaInput.abortStep)
    }
}

extension SagaCall {
    /// Asked for, and no outcome that ends it.
    var isAsked: Bool { progress == .requested || progress == .refused }

    /// It was refused, or not answered in time, since it was asked for or since an operator's retry.
    var isAskedInVain: Bool { isAsked && (refusals > 0 || unanswered > 0) }

    fileprivate func isDue(at now: Int64) -> Bool { dueAt.map { $0 <= now } ?? false }

    fileprivate mutating func request(at now: Int64, answerWithin: Int64) {
        progress = .requested
        requestedAt = now
        requests = 1
        dueAt = now + answerWithin
    }

    fileprivate mutating func requestAgain(at now: Int64, _ retry: SagaRetry, unanswered more: Bool) {
        progress = .requested
        requests += 1
        if more { unanswered += 1 }
        dueAt = now + retry.wait(afterUnanswered: unanswered)
    }

    fileprivate mutating func forgetFailures() {
        refusals = 0
        unanswered = 0
    }
}
