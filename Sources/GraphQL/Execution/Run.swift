import JSON

/// One execution of an operation: breadth first, so that the loads of a level come together.
///
/// The run belongs to the one task that executes it. Resolvers that wait and calls of loaders are tasks of their own,
/// which touch nothing of it and tell what they have by its mailbox. The order of work is: all that needs no waiting;
/// then, if no call of a loader is under way, one call for each loader that was asked; then wait.
final class Run {
    /// A place that waits for a value.
    struct Slot {
        let node: ResponseNode
        let type: TypeReference
        let field: FieldPlan
        let path: ResponsePath
    }

    /// A resolver that is to be a task.
    private struct Start {
        let slot: Int
        let deadline: Duration?
        let resolve: @Sendable () async throws -> Output
    }

    /// An object whose fields are to be resolved.
    private struct ObjectWork {
        let plan: SelectionPlan
        let node: ResponseNode
        let source: any Sendable
        let path: ResponsePath?
    }

    let executor: ExecutorCore
    let planner: Planner
    private let source: SourceText
    private let context: any Sendable
    private let mailbox: Mailbox
    private let desk = LoaderDesk()
    private var errors: [GraphQLError] = []
    private var work: [ObjectWork] = []
    private var slots: [Int: Slot] = [:]
    private var batches: [Int: any LoaderQueueing] = [:]
    private var tasks: [Int: Task<Void, Never>] = [:]
    private var timers: [Task<Void, Never>] = []
    private var expiring: [Duration: [Int]] = [:]
    private var lastID = 0
    /// Resolvers that wait for others to end.
    private var waiting: [Start] = []
    private var begun = 0
    /// Why nothing more is begun.
    private var ending: (any Error)?

    init(
        executor: ExecutorCore, document: PreparedDocument, variables: [String: JSONValue], context: any Sendable,
        mailbox: Mailbox
    ) {
        self.executor = executor
        planner = Planner(executor: executor, fragments: document.fragments, variables: variables)
        source = document.document.source
        self.context = context
        self.mailbox = mailbox
    }

    // MARK: Roots

    /// - Parameter resolver: of the root fields, instead of their own: a subscription's for its event.
    func execute(
        _ operation: OperationDefinition, root type: TypeDefinition, source root: any Sendable,
        resolver: FieldResolver? = nil
    ) async -> Response {
        defer { finish() }
        if let deadline = executor.options.deadline { after(deadline) { .requestExpired(after: deadline) } }
        let top = ResponseNode(parent: nil, isNonNull: false)
        switch planner.plan([operation.selectionSet], of: type) {
        case .failure(let problem):
            return Response(data: .null, errors: [GraphQLError(problem.message, code: "BAD_USER_INPUT")])
        case .success(let plan):
            let nodes = plan.fields.map { field in
                ResponseNode(parent: top, isNonNull: field.definition.type.isNonNull)
            }
            top.content = .object(zip(plan.fields, nodes).map { ($0.key, $1) })
            for (field, node) in zip(plan.fields, nodes) where top.isAlive {
                resolve(field, node, source: root, parent: nil, by: resolver)
                // Fields of a mutation one after the other, each with all below it (section 6.2.2).
                if operation.kind == .mutation { await work() }
            }
            await work()
        }
        return Response(data: top.value, errors: errors)
    }

    // MARK: The loop

    private func work() async {
        while true {
            drain()
            if batches.isEmpty { callLoaders() }
            startTimers()
            if slots.isEmpty { return }
            for event in await mailbox.take() { handle(event) }
        }
    }

    private func drain() {
        var next = 0
        while next < work.count {
            let object = work[next]
            next += 1
            guard object.node.isAlive else { continue }
            let nodes = object.plan.fields.map { field in
                ResponseNode(parent: object.node, isNonNull: field.definition.type.isNonNull)
            }
            object.node.content = .object(zip(object.plan.fields, nodes).map { ($0.key, $1) })
            for (field, node) in zip(object.plan.fields, nodes) {
                resolve(field, node, source: object.source, parent: object.path, by: nil)
            }
        }
        work.removeAll(keepingCapacity: true)
    }

    private func handle(_ event: Mailbox.Event) {
        switch event {
        case .resolved(let slot, let output):
            if tasks.removeValue(forKey: slot) != nil { end() }
            settle(slot, output)
        case .loaded(let batch, let answer):
            tasks[batch] = nil
            guard let queue = batches.removeValue(forKey: batch) else { return }
            for settled in queue.accept(answer, of: batch) { settle(settled.slot, settled.output) }
        case .fieldsExpired(let expired, let duration):
            for slot in expired {
                guard let task = tasks.removeValue(forKey: slot) else { continue }
                task.cancel()
                end()
                settle(slot, .failure(DeadlineExceeded(duration: duration)))
            }
        case .batchExpired(let batch, let duration):
            tasks.removeValue(forKey: batch)?.cancel()
            guard let queue = batches.removeValue(forKey: batch) else { return }
            for settled in queue.fail(batch: batch, DeadlineExceeded(duration: duration)) {
                settle(settled.slot, settled.output)
            }
        case .requestExpired(let duration): abandon(DeadlineExceeded(duration: duration))
        case .cancelled: abandon(CancellationError())
        }
    }

    private func settle(_ id: Int, _ output: Output) {
        guard let slot = slots.removeValue(forKey: id) else { return }
        complete(slot, output)
    }

    /// Everything that is open fails, and nothing more is begun.
    private func abandon(_ error: any Error) {
        ending = error
        waiting = []
        batches = [:]
        for id in slots.keys.sorted() { settle(id, .failure(error)) }
        for task in tasks.values { task.cancel() }
        tasks = [:]
    }

    private func finish() {
        for task in tasks.values { task.cancel() }
        for timer in timers { timer.cancel() }
    }

    // MARK: Fields (section 6.4)

    private func resolve(
        _ field: FieldPlan, _ node: ResponseNode, source: any Sendable, parent: ResponsePath?,
        by other: FieldResolver?
    ) {
        let slot = Slot(
            node: node, type: field.definition.type, field: field,
            path: ResponsePath(parent: parent, element: .key(field.key)))
        if let ending { return fail(slot, ending) }
        if field.definition === MetaFields.typename {
            node.content = .leaf(.string(field.parentType.name))
            return
        }
        let arguments: Arguments
        switch field.arguments {
        case .failure(let problem): return fail(slot, problem)
        case .success(let values): arguments = values
        }
        let call = AnyCall(
            context: context, arguments: arguments, fieldName: field.definition.name, responseKey: field.key,
            parent: parent)
        switch other ?? field.resolver {
        case .immediate(let resolve):
            do {
                complete(slot, try resolve(source, call))
            } catch {
                fail(slot, error)
            }
        case .asynchronous(let deadline, let resolve):
            begin(Start(slot: open(slot), deadline: deadline) { try await resolve(source, call) })
        }
    }

    private func begin(_ start: Start) {
        guard begun < executor.options.concurrency else { return waiting.append(start) }
        begun += 1
        if let deadline = start.deadline { expiring[deadline, default: []].append(start.slot) }
        tasks[start.slot] = Task { [mailbox] in
            do {
                mailbox.post(.resolved(slot: start.slot, try await start.resolve()))
            } catch {
                mailbox.post(.resolved(slot: start.slot, .failure(error)))
            }
        }
    }

    /// One has ended: the longest waiting begins, unless what it is for is null by now.
    private func end() {
        begun -= 1
        while begun < executor.options.concurrency, !waiting.isEmpty {
            let next = waiting.removeFirst()
            if slots[next.slot]?.node.isAlive == true { begin(next) } else { slots[next.slot] = nil }
        }
    }

    private func open(_ slot: Slot) -> Int {
        lastID += 1
        slots[lastID] = slot
        return lastID
    }

    func wait(for load: DeferredLoad, at slot: Slot) {
        if let ending { return fail(slot, ending) }
        let id = open(slot)
        if let output = load.request.join(desk, slot: id) { settle(id, output) }
    }

    func push(_ plan: SelectionPlan, _ node: ResponseNode, source: any Sendable, path: ResponsePath) {
        work.append(ObjectWork(plan: plan, node: node, source: source, path: path))
    }

    private func callLoaders() {
        for queue in desk.queues {
            while true {
                let id = lastID + 1
                guard let call = queue.nextBatch(id) else { break }
                lastID = id
                batches[id] = queue
                tasks[id] = Task { [mailbox] in mailbox.post(.loaded(batch: id, await call())) }
                if let deadline = queue.deadline { after(deadline) { .batchExpired(batch: id, after: deadline) } }
            }
        }
    }

    // MARK: Time

    /// One timer for all fields of a level that have as long.
    private func startTimers() {
        for (deadline, ids) in expiring { after(deadline) { .fieldsExpired(slots: ids, after: deadline) } }
        expiring = [:]
    }

    private func after(_ duration: Duration, _ event: @escaping @Sendable () -> Mailbox.Event) {
        timers.append(
            Task { [mailbox] in
                do {
                    try await Task.sleep(for: duration)
                    mailbox.post(event())
                } catch {}
            })
    }

    // MARK: Errors

    /// Records an error at its place, and nulls the nearest place that may be null. Errors of places that are null
    /// already aren't told (section 6.4.4).
    func fail(_ slot: Slot, _ error: any Error) {
        guard slot.node.isAlive else { return }
        slot.node.propagateNull()
        let path = slot.path.path
        var shown = executor.presented(error, path: path)
        shown.path = path
        shown.locations = slot.field.locations(in: source)
        errors.append(shown)
    }
}
