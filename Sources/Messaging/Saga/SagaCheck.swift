import Postgres

/// Holds the instances under way against a definition that is to lead them on: which of them would stand elsewhere had it led
/// them from the beginning, and which owe what it can't undo.
public struct SagaCheck: Sendable {
    private let definition: SagaDefinition
    private let conduct: SagaConduct

    /// Instances in hand at once.
    private static let page = 200

    public init(_ orchestrator: SagaOrchestrator) {
        definition = orchestrator.definition
        conduct = orchestrator.conduct
    }

    /// Something that the definition would have made otherwise.
    public enum Difference: Hashable, Sendable {
        case status(stands: SagaInstance.Status, would: SagaInstance.Status)
        case step(String, stands: SagaCall.Progress, would: SagaCall.Progress)
        case compensation(String, stands: SagaCall.Progress, would: SagaCall.Progress)
        case abort(stands: SagaCall.Progress, would: SagaCall.Progress)
        /// It was taken, and the definition has none of the name.
        case unknownStep(String, stands: SagaCall.Progress)
        /// It may have to be undone, which the definition would do by another command, or not at all.
        case lostCompensation(String, stands: SagaCourse.Command, would: SagaCourse.Command?)
        /// The row, or its log, says something that this program can't go through.
        case unreadable(String)
    }

    /// An instance under way that isn't known to go on as it stands.
    public struct Finding: Sendable {
        public enum Verdict: Sendable {
            case differs([Difference])
            /// It hasn't moved since definitions are recorded.
            case unrecorded
        }

        public let key: SagaKey
        /// As it is stored.
        public let status: String
        /// Version of the definition that led it last; nil where that isn't recorded.
        public let version: Int?
        public let verdict: Verdict
    }

    /// What was looked at.
    public struct Summary: Hashable, Sendable {
        public internal(set) var open = 0
        public internal(set) var differing = 0
        public internal(set) var unrecorded = 0
    }

    /// Reads all instances under way, of every tenant, in one snapshot and bounded memory.
    ///
    /// - Parameter found: called for each that isn't known to go on as it stands, while the reading goes on.
    public func run(on connection: Connection, _ found: (Finding) throws -> Void) throws -> Summary {
        var summary = Summary()
        var courses: [String: SagaCourse?] = [:]
        try connection.transaction(.repeatableRead, readOnly: true) { connection in
            try connection.readInBatches(
                of: Self.page, "\(SagaStore.select) WHERE saga = $1 AND ended_at IS NULL", [.text(definition.name)]
            ) { rows in
                var instances: [Instance] = []
                for row in rows {
                    let leader = try row.get(13, as: String.self)
                    let course =
                        try courses[leader] ?? SagaDefinitions.course(leader, of: definition.name, on: connection)
                    courses[leader] = .some(course)
                    instances.append(try Instance(row, ledBy: course))
                }
                try replay(&instances, on: connection)
                for instance in instances {
                    summary.open += 1
                    guard let verdict = verdict(on: instance) else { continue }
                    switch verdict {
                    case .differs: summary.differing += 1
                    case .unrecorded: summary.unrecorded += 1
                    }
                    try found(
                        Finding(
                            key: instance.key, status: instance.status, version: instance.course?.version,
                            verdict: verdict))
                }
            }
        }
        return summary
    }

    /// An instance in hand.
    private struct Instance {
        let key: SagaKey
        let status: String
        /// Of the definition that led it last.
        let course: SagaCourse?
        /// As it stands; nil where it can't be read.
        var stored: StoredSaga?
        var replay: SagaReplay?
        var problem: String?

        init(_ row: Row, ledBy course: SagaCourse?) throws {
            key = SagaKey(tenant: try row.get(0, as: String.self), id: try row.get(1, as: String.self))
            status = try row.get(2, as: String.self)
            self.course = course
            guard let course else { return }
            do {
                stored = try SagaStore.decode(row, steps: course.steps.map(\.id))
            } catch let error as UnreadableSaga {
                problem = error.detail
            }
        }
    }

    private func replay(_ instances: inout [Instance], on connection: Connection) throws {
        var indexes: [SagaKey: Int] = [:]
        for index in instances.indices {
            guard let stored = instances[index].stored?.instance else { continue }
            indexes[instances[index].key] = index
            instances[index].replay = SagaReplay(definition, conduct: conduct, id: stored.id, start: stored.start)
        }
        try SagaLog.read(instances.compactMap(\.stored), in: definition.name, on: connection) { key, version, entry in
            guard let index = indexes[key], instances[index].problem == nil else { return }
            do {
                guard let entry else {
                    throw UnreadableSaga(key: key, detail: "an event of another version in its log")
                }
                try instances[index].replay?.add(entry, version: version)
            } catch {
                instances[index].problem = (error as? UnreadableSaga)?.detail ?? "\(error)"
            }
        }
        for index in instances.indices where instances[index].problem == nil {
            do {
                try instances[index].replay?.finish()
            } catch {
                instances[index].problem = "\(error)"
            }
        }
    }

    private func verdict(on instance: Instance) -> Finding.Verdict? {
        if let problem = instance.problem { return .differs([.unreadable(problem)]) }
        guard let course = instance.course, let stored = instance.stored?.instance, let replay = instance.replay
        else {
            return .unrecorded
        }
        let differences = definition.differences(of: stored, ledBy: course, from: replay.instance)
        return differences.isEmpty ? nil : .differs(differences)
    }
}

extension SagaDefinition {
    /// Where an instance stands otherwise than the definition would have led it.
    func differences(
        of stored: SagaInstance, ledBy course: SagaCourse, from led: SagaInstance
    ) -> [SagaCheck.Difference] {
        var found: [SagaCheck.Difference] = []
        if stored.status != led.status { found.append(.status(stands: stored.status, would: led.status)) }
        let lost = stepsUndoneOtherwise(than: course)
        for step in stored.steps {
            if lost.contains(step.id), step.mayHaveToBeUndone, let compensation = course.step(step.id)?.compensation {
                found.append(
                    .lostCompensation(
                        step.id, stands: compensation.command,
                        would: self.course.step(step.id)?.compensation?.command))
            }
            guard let other = led.steps.first(where: { $0.id == step.id }) else {
                if step.call.progress != .waiting { found.append(.unknownStep(step.id, stands: step.call.progress)) }
                continue
            }
            if step.call.progress != other.call.progress {
                found.append(.step(step.id, stands: step.call.progress, would: other.call.progress))
            }
            if step.undo.progress != other.undo.progress {
                found.append(.compensation(step.id, stands: step.undo.progress, would: other.undo.progress))
            }
        }
        if stored.abort.progress != led.abort.progress {
            found.append(.abort(stands: stored.abort.progress, would: led.abort.progress))
        }
        return found
    }
}

// MARK: For people and scripts

extension SagaCheck.Difference {
    /// What differs: `status`, `step`, `compensation`, `abort`, `unknown-step`, `lost-compensation` or `unreadable`.
    public var kind: String {
        switch self {
        case .status: "status"
        case .step: "step"
        case .compensation: "compensation"
        case .abort: "abort"
        case .unknownStep: "unknown-step"
        case .lostCompensation: "lost-compensation"
        case .unreadable: "unreadable"
        }
    }

    public var step: String? {
        switch self {
        case .step(let step, _, _), .compensation(let step, _, _), .unknownStep(let step, _),
            .lostCompensation(let step, _, _):
            step
        case .status, .abort, .unreadable: nil
        }
    }

    /// As it is.
    public var stands: String? {
        switch self {
        case .status(let stands, _): stands.rawValue
        case .step(_, let stands, _), .compensation(_, let stands, _), .abort(let stands, _),
            .unknownStep(_, let stands):
            stands.rawValue
        case .lostCompensation(_, let stands, _): stands.description
        case .unreadable(let detail): detail
        }
    }

    /// As the definition would have it; nil for nothing.
    public var would: String? {
        switch self {
        case .status(_, let would): would.rawValue
        case .step(_, _, let would), .compensation(_, _, let would), .abort(_, let would): would.rawValue
        case .lostCompensation(_, _, let would): would?.description
        case .unknownStep, .unreadable: nil
        }
    }
}

extension SagaCheck.Difference: CustomStringConvertible {
    public var description: String {
        switch self {
        case .status(let stands, let would): "is \(stands.rawValue), would be \(would.rawValue)"
        case .step(let step, let stands, let would): "\(step) is \(stands.rawValue), would be \(would.rawValue)"
        case .compensation(let step, let stands, let would):
            "undoing \(step) is \(stands.rawValue), would be \(would.rawValue)"
        case .abort(let stands, let would): "its cancellation is \(stands.rawValue), would be \(would.rawValue)"
        case .unknownStep(let step, let stands): "\(step) is \(stands.rawValue), and there is no such step"
        case .lostCompensation(let step, let stands, let would):
            "\(step) is undone by \(stands), and would be by \(would?.description ?? "nothing")"
        case .unreadable(let detail): "can't be gone through: \(detail)"
        }
    }
}
