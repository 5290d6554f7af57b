/// A saga as data: what starts it, the steps it asks others for, and how each of them is undone.
///
/// A step may depend on steps listed before it, so a definition has no cycles. Steps whose dependencies have
/// succeeded run side by side. The *pivot*, where there is one, decides: before it everything can be undone, its success
/// completes the saga, and a fact of `cancelledBy` says that it can't succeed any more (both come from the owner of the
/// pivot). Instances are stored by step id, so steps may be added to a definition that is in use; what may not be taken
/// from it, `SagaAdmission` says.
public struct SagaDefinition: Sendable {
    public let name: String
    /// For people: the author counts it up with each change of the course.
    public let version: Int
    /// The type of the fact that starts an instance. Its payload is kept and given to every command.
    public let startedBy: String
    /// Types of facts that end a running instance by undoing it.
    public let cancelledBy: Set<String>
    public let steps: [SagaStep]
    /// The last command of an undone instance.
    public let abort: SagaAbort
    /// The type of the fact that a command came too late and wasn't done; nil where none says so. It is one type for all
    /// commands: `factType` tells whose. No part of the course, since an instance goes the same way without it, later.
    public let expiredBy: String?
    /// The words of a failing or cancelling fact, for people; nil where it has none.
    public let reason: @Sendable (_ type: String, _ payload: [UInt8]) -> String?

    /// What of it decides how instances go.
    public let course: SagaCourse
    /// Of the course: two definitions with one fingerprint lead every instance alike.
    public let fingerprint: String

    /// What each type of fact means to an instance.
    let roles: [String: [FactRole]]
    /// Per step, the steps that it depends on, and those that depend on it.
    let dependencies: [[Int]]
    let dependents: [[Int]]
    let pivot: Int?

    enum FactRole: Hashable, Sendable {
        case start, cancel, aborted
        case succeeded(Int), failed(Int), expired(Int), undone(Int), undoRefused(Int)
    }

    /// A definition that makes no sense, found when the program starts.
    public struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        public let saga: String
        public let detail: String

        public init(saga: String, detail: String) {
            self.saga = saga
            self.detail = detail
        }

        public var description: String { "saga \(saga): \(detail)" }
    }

    public init(
        name: String, version: Int = 1, startedBy: String, cancelledBy: Set<String> = [], steps: [SagaStep],
        abort: SagaAbort, expiredBy: String? = nil,
        reason: @escaping @Sendable (_ type: String, _ payload: [UInt8]) -> String? = { _, _ in nil }
    ) throws(Invalid) {
        self.name = name
        self.version = version
        self.startedBy = startedBy
        self.cancelledBy = cancelledBy
        self.steps = steps
        self.abort = abort
        self.expiredBy = expiredBy
        self.reason = reason

        var indexes: [String: Int] = [:]
        var dependencies: [[Int]] = []
        var dependents = Array(repeating: [Int](), count: steps.count)
        var roles: [String: [FactRole]] = [startedBy: [.start]]
        for type in cancelledBy { roles[type, default: []].append(.cancel) }
        for type in abort.answeredBy { roles[type, default: []].append(.aborted) }
        for (index, step) in steps.enumerated() {
            var own: [Int] = []
            for id in step.after {
                guard let other = indexes[id] else {
                    throw Invalid(saga: name, detail: "step \(step.id) comes after \(id), which isn't before it")
                }
                own.append(other)
                dependents[other].append(index)
            }
            dependencies.append(own)
            guard indexes.updateValue(index, forKey: step.id) == nil else {
                throw Invalid(saga: name, detail: "there are two steps \(step.id)")
            }
            guard step.id != SagaInput.abortStep, !step.id.isEmpty else {
                throw Invalid(saga: name, detail: "a step can't be called \"\(step.id)\"")
            }
            guard !step.succeededBy.isEmpty else {
                throw Invalid(saga: name, detail: "nothing says that step \(step.id) has succeeded")
            }
            for type in step.succeededBy { roles[type, default: []].append(.succeeded(index)) }
            for type in step.failedBy { roles[type, default: []].append(.failed(index)) }
            if let expiredBy, let command = step.command, !step.isPivot {
                roles[Self.factType(expiredBy, of: command.type), default: []].append(.expired(index))
            }
            if case .compensatable(let compensation) = step.kind {
                for type in compensation.doneBy { roles[type, default: []].append(.undone(index)) }
                for type in compensation.refusedBy { roles[type, default: []].append(.undoRefused(index)) }
            }
        }
        let pivots = steps.indices.filter { steps[$0].isPivot }
        guard pivots.count <= 1 else { throw Invalid(saga: name, detail: "there is more than one pivot") }
        if let pivot = pivots.first, !dependents[pivot].isEmpty {
            throw Invalid(saga: name, detail: "a step comes after the pivot \(steps[pivot].id)")
        }
        self.roles = roles
        self.dependencies = dependencies
        self.dependents = dependents
        pivot = pivots.first
        course = SagaCourse(
            name: name, version: version, startedBy: startedBy, cancelledBy: cancelledBy, steps: steps, abort: abort)
        fingerprint = course.fingerprint
    }

    /// Of all the steps, how long the first answer may take, microseconds.
    var shortestWait: Int64 { steps.lazy.map(\.deadline.microseconds).min() ?? 0 }

    /// All types of facts that an instance reacts to.
    public var types: Set<String> {
        guard let expiredBy else { return Set(roles.keys) }
        let known = roles.filter { !$0.value.contains { if case .expired = $0 { true } else { false } } }
        return Set(known.keys).union(known.count < roles.count ? [expiredBy] : [])
    }

    /// What a fact is called to instances and in their logs: as its type, or, of one that a command has expired, with the
    /// command's.
    public static func factType(_ type: String, of command: String) -> String { "\(type)(\(command))" }
}

/// The command that ends an undone instance. Asked again until it is answered.
public struct SagaAbort: Sendable {
    public let command: SagaCommandBuilder
    public let answeredBy: Set<String>
    public let retry: SagaRetry

    public init(command: SagaCommandBuilder, answeredBy: Set<String>, retry: SagaRetry = SagaRetry()) {
        self.command = command
        self.answeredBy = answeredBy
        self.retry = retry
    }
}
