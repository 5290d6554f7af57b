/// A value that a loader's next call brings.
public struct DeferredLoad: Sendable {
    let request: any LoadRequest
}

/// A load whose kinds of keys and values are known to itself only.
protocol LoadRequest: Sendable {
    /// Hands the load to the queue of its loader. Answers the output at once where the key is known by now.
    func join(_ desk: LoaderDesk, slot: Int) -> Output?
}

struct KeyedLoad<Context: Sendable, Key: Hashable & Sendable, Value: Sendable>: LoadRequest {
    let loader: Loader<Context, Key, Value>
    let key: Key
    let context: Context
    let then: @Sendable (Value?) throws -> Output

    func join(_ desk: LoaderDesk, slot: Int) -> Output? {
        desk.queue(of: loader, context).join(key, slot: slot, then)
    }
}

/// All queues of a run, by their loaders, in the order in which they were first asked.
final class LoaderDesk {
    private(set) var queues: [any LoaderQueueing] = []
    private var index: [ObjectIdentifier: Int] = [:]

    func queue<Context, Key, Value>(
        of loader: Loader<Context, Key, Value>, _ context: Context
    ) -> LoaderQueue<Context, Key, Value> {
        if let known = index[ObjectIdentifier(loader)], let queue = queues[known] as? LoaderQueue<Context, Key, Value> {
            return queue
        }
        let queue = LoaderQueue(loader: loader, context: context)
        index[ObjectIdentifier(loader)] = queues.count
        queues.append(queue)
        return queue
    }
}

protocol LoaderQueueing: AnyObject {
    var name: String { get }
    var deadline: Duration? { get }
    /// The next call's work, to be run anywhere; nil where no key waits.
    func nextBatch(_ id: Int) -> (@Sendable () async -> any Sendable)?
    /// Takes the answer of one of its calls; answers who waited for it, with what they get.
    func accept(_ answer: any Sendable, of batch: Int) -> [(slot: Int, output: Output)]
    /// As if the call had failed; what it still answers is no longer taken.
    func fail(batch: Int, _ error: any Error) -> [(slot: Int, output: Output)]
}

/// What a call of a loader came to.
struct LoadAnswer<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let result: Result<[Key: Result<Value, any Error>], any Error>
}

/// The keys of one loader in a run: those that wait for the next call, those that were asked, and what is known.
final class LoaderQueue<Context: Sendable, Key: Hashable & Sendable, Value: Sendable>: LoaderQueueing {
    private typealias Waiter = (slot: Int, then: @Sendable (Value?) throws -> Output)

    private let loader: Loader<Context, Key, Value>
    private let context: Context
    private var known: [Key: Result<Value?, any Error>] = [:]
    private var waiters: [Key: [Waiter]] = [:]
    /// Not yet asked for, in order.
    private var pending: [Key] = []
    /// The keys of calls under way.
    private var asked: [Int: [Key]] = [:]

    init(loader: Loader<Context, Key, Value>, context: Context) {
        self.loader = loader
        self.context = context
    }

    var name: String { loader.name }
    var deadline: Duration? { loader.deadline }

    func join(_ key: Key, slot: Int, _ then: @escaping @Sendable (Value?) throws -> Output) -> Output? {
        if let result = known[key] { return Self.output(result, then) }
        if waiters[key] == nil { pending.append(key) }
        waiters[key, default: []].append((slot, then))
        return nil
    }

    func nextBatch(_ id: Int) -> (@Sendable () async -> any Sendable)? {
        guard !pending.isEmpty else { return nil }
        let keys = Array(pending.prefix(loader.batchLimit))
        pending.removeFirst(keys.count)
        asked[id] = keys
        return { [loader, context] in
            do {
                return LoadAnswer<Key, Value>(result: .success(try await loader.batch(keys, context)))
            } catch {
                return LoadAnswer<Key, Value>(result: .failure(error))
            }
        }
    }

    func accept(_ answer: any Sendable, of batch: Int) -> [(slot: Int, output: Output)] {
        guard let answer = answer as? LoadAnswer<Key, Value>, let keys = asked.removeValue(forKey: batch) else {
            return []
        }
        return keys.flatMap { key in
            settle(key, answer.result.flatMap { values in values[key]?.map { $0 } ?? .success(nil) })
        }
    }

    func fail(batch: Int, _ error: any Error) -> [(slot: Int, output: Output)] {
        (asked.removeValue(forKey: batch) ?? []).flatMap { settle($0, .failure(error)) }
    }

    private func settle(_ key: Key, _ result: Result<Value?, any Error>) -> [(slot: Int, output: Output)] {
        known[key] = result
        return (waiters.removeValue(forKey: key) ?? []).map { ($0.slot, Self.output(result, $0.then)) }
    }

    private static func output(_ result: Result<Value?, any Error>, _ then: (Value?) throws -> Output) -> Output {
        do {
            return try then(result.get())
        } catch {
            return .failure(error)
        }
    }
}
