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
        for (index, step) in definition.steps.enumerated() {
            guard instance.steps[index].call.progress == .waiting,
                definition.dependencies[index].allSatisfy({ instance.steps[$0].call.isDone })
            else { continue }
            if let command = step.command { try send(command) }
            instance.steps[index].call.request(at: now, answerWithin: step.deadline.microseconds)
            log(.requested, step: index)
        }
        if definition.pivot == nil, instance.steps.allSatisfy(\.call.isDone) { complete() }
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
        for index in definition.steps.indices.reversed() {
            guard needsUndo(index), instance.steps[index].undo.progress == .waiting,
                let compensation = definition.steps[index].compensation,
                // What builds on a step is undone before it.
                definition.dependents[index].allSatisfy({ isUndone($0) })
            else { continue }
            try send(compensation.command)
            instance.steps[index].undo.request(
                at: now, answerWithin: compensation.retry.wait(afterUnanswered: 0))
            log(.undoRequested, step: index)
        }
        guard instance.steps.indices.allSatisfy({ isUndone($0) }) else { return }
        if instance.abort.isDone {
            instance.status = .compensated
            instance.endedAt = now
            log(.compensated)
        } else if instance.abort.progress == .waiting {
            try send(definition.abort.command)
            instance.abort.request(at: now, answerWithin: definition.abort.retry.wait(afterUnanswered: 0))
            log(.abortRequested, stepID: nil)
        }
    }
}

/// Waits that are over, and operators who can't wait.
extension SagaReaction {
    mutating func passDeadlines() throws {
        for index in definition.steps.indices {
            switch instance.status {
            case .running:
                guard instance.steps[index].call.isDue(at: now) else { continue }
                if case .pivot(let retry) = definition.steps[index].kind {
                    try askPivotAgain(index, retry, unanswered: true)
                } else {
                    instance.steps[index].call.settle(.timedOut, at: now)
                    log(.timedOut, step: index)
                    if instance.reason == nil { instance.reason = "\(definition.steps[index].id) took too long" }
                }
            case .compensating:
                guard instance.steps[index].undo.isDue(at: now) else { continue }
                try askUndoAgain(index, unanswered: instance.steps[index].undo.progress == .requested)
            case .awaitingStart, .completed, .compensated: return
            }
        }
        if instance.status == .compensating, instance.abort.isDue(at: now) { try askAbortAgain(unanswered: true) }
    }

    /// Asks again now for everything that has to succeed in the end, and counts from zero.
    mutating func askAgain() throws {
        if instance.status.isEnd {
            guard instance.anomaly != nil else { throw SagaRefusal.ended(instance.status) }
            instance.anomaly = nil
            return
        }
        instance.anomaly = nil
        let before = transition.commands.count
        for (index, step) in definition.steps.enumerated() {
            if case .pivot(let retry) = step.kind, instance.status == .running,
                instance.steps[index].call.progress == .requested
            {
                instance.steps[index].call.forgetFailures()
                try askPivotAgain(index, retry, unanswered: false)
            }
            if instance.status == .compensating, instance.steps[index].undo.isAsked {
                instance.steps[index].undo.forgetFailures()
                try askUndoAgain(index, unanswered: false)
            }
        }
        if instance.status == .compensating, instance.abort.isAsked {
            instance.abort.forgetFailures()
            try askAbortAgain(unanswered: false)
        }
        guard transition.commands.count > before else { throw SagaRefusal.notWaiting(step: "any command") }
    }

    mutating func resolve(_ id: String, note: String) throws {
        if instance.status.isEnd { throw SagaRefusal.ended(instance.status) }
        if id == SagaInput.abortStep {
            guard instance.status == .compensating, instance.abort.isAsked else {
                throw SagaRefusal.notWaiting(step: id)
            }
            instance.abort.settle(.resolved, at: now, detail: note)
            return log(.resolved, stepID: id, detail: note)
        }
        guard let index = definition.steps.firstIndex(where: { $0.id == id }) else {
            throw SagaRefusal.unknownStep(id)
        }
        let step = instance.steps[index]
        if instance.status == .running, definition.steps[index].isPivot, step.call.progress == .requested {
            instance.steps[index].call.settle(.resolved, at: now, detail: note)
        } else if instance.status == .compensating, step.undo.isAsked {
            instance.steps[index].undo.settle(.resolved, at: now, detail: note)
        } else {
            throw SagaRefusal.notWaiting(step: id)
        }
        log(.resolved, step: index, detail: note)
    }

    private mutating func askPivotAgain(_ index: Int, _ retry: SagaRetry, unanswered: Bool) throws {
        if let command = definition.steps[index].command { try send(command) }
        instance.steps[index].call.requestAgain(at: now, retry, unanswered: unanswered)
        log(.requestedAgain, step: index)
    }

    private mutating func askUndoAgain(_ index: Int, unanswered: Bool) throws {
        guard let compensation = definition.steps[index].compensation else { return }
        try send(compensation.command)
        instance.steps[index].undo.requestAgain(at: now, compensation.retry, unanswered: unanswered)
        log(.undoRequestedAgain, step: index)
    }

    private mutating func askAbortAgain(unanswered: Bool) throws {
        try send(definition.abort.command)
        instance.abort.requestAgain(at: now, definition.abort.retry, unanswered: unanswered)
        log(.abortRequestedAgain, stepID: nil)
    }
}

extension SagaCall {
    /// Asked for, and no outcome that ends it.
    fileprivate var isAsked: Bool { progress == .requested || progress == .refused }

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
