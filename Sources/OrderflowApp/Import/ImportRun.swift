import Execution

/// Sends the chunks of a file, some at a time, and takes down in their order what became of them.
final class ImportRun: Sendable {
    struct Plan: Sendable {
        /// Nil is stdin.
        let path: String?
        let reading: ImportReader.Options
        /// What the batches' keys are made of.
        let key: String
        /// Batches on their way at once.
        let parallel: Int
        let rejectsPath: String
        /// Nil without a journal.
        let journalPath: String?
        let header: ImportJournal.Header
        /// Of the file, as it was before.
        let digest: String?
    }

    struct Outcome: Sendable {
        var progress: ImportProgress
        /// In their order.
        var batchIDs: [String] = []
        var rejectedBytes: Int64 = 0
    }

    /// What senders have in common: chunks are read one after the other, and written down in the same order.
    private struct Shared {
        let chunks: ImportChunks
        var isRead = false
        /// The next one to be written down.
        var next: Int
        let journal: ImportJournal?
        let rejects: ImportRejects
        var outcome: Outcome
        var failure: (any Error)?
    }

    private let plan: Plan
    private let client: ImportClient
    private let meter: ImportMeter
    private let stop: StopSignal
    private let state: Monitor<Shared>
    private let skipped: Int

    /// - Parameter stop: ends it after the batches that are on their way.
    init(_ plan: Plan, _ client: ImportClient, _ meter: ImportMeter, stop: StopSignal) throws {
        self.plan = plan
        self.client = client
        self.meter = meter
        self.stop = stop
        var journal = try plan.journalPath.map { path throws(ImportError) in
            try ImportJournal(path, plan.header, isNew: false)
        }
        var earlier = journal?.earlier ?? []
        if let last = earlier.last, last.rejectedBytes > ImportRejects.size(at: plan.rejectsPath),
            let path = plan.journalPath
        {
            // What was refused is gone: the batches are asked again, which changes nothing.
            journal = try ImportJournal(path, plan.header, isNew: true)
            earlier = []
        }
        var progress = ImportProgress()
        progress.accepted = earlier.reduce(0) { $0 + $1.accepted }
        progress.refused = earlier.reduce(0) { $0 + $1.refused }
        progress.bytes = earlier.last?.offset ?? 0
        (progress.resumedOrders, progress.resumedBytes) = (progress.orders, progress.bytes)
        let chunks = ImportChunks(try ImportReader(plan.path, plan.reading))
        progress.size = chunks.size
        skipped = earlier.count
        let rejected = earlier.last?.rejectedBytes ?? 0
        let shared = Shared(
            chunks: chunks, next: earlier.count, journal: journal,
            rejects: try ImportRejects(plan.rejectsPath, size: rejected),
            outcome: Outcome(progress: progress, batchIDs: earlier.flatMap(\.batchIDs), rejectedBytes: rejected))
        state = Monitor(shared)
    }

    /// Blocks until all is sent, or it can't go on.
    func run() throws -> Outcome {
        meter.begin(state.withLock { $0.outcome.progress })
        let senders = (1...plan.parallel).map { number in
            DedicatedThread.start("import-\(number)") { self.send() }
        }
        for sender in senders { sender.join() }
        let (outcome, failure, digest) = state.withLock { shared in
            (shared.outcome, shared.failure, shared.isRead ? shared.chunks.digest : nil)
        }
        meter.end(outcome.progress)
        if let failure { throw failure }
        if let digest, let before = plan.digest, digest != before {
            throw ImportError("\(plan.path ?? "") was changed while it was read")
        }
        return outcome
    }

    private func send() {
        do {
            while !stop.isStopped, let chunk = try nextChunk() {
                let delivery = try client.deliver(chunk.records, under: "import/\(plan.key)/\(chunk.number)")
                guard try complete(chunk, delivery) else { return }
            }
        } catch {
            state.update { shared in
                if shared.failure == nil { shared.failure = error }
            }
        }
        if stop.isStopped {
            state.update { shared in
                if shared.failure == nil { shared.failure = ImportClient.Interrupted() }
            }
        }
    }

    /// The next chunk that isn't done; nil at the end, and where another sender has failed.
    private func nextChunk() throws -> ImportChunk? {
        try state.withLock { shared in
            guard shared.failure == nil else { return nil }
            while let chunk = try shared.chunks.next() {
                if chunk.number >= skipped { return chunk }
            }
            shared.isRead = true
            return nil
        }
    }

    /// Takes down what became of a chunk, once those before it are. False where one before has failed: the next run sends
    /// this one again, which changes nothing.
    private func complete(_ chunk: ImportChunk, _ delivery: ImportClient.Delivery) throws -> Bool {
        let progress = try state.wait(for: nil) { shared -> Result<ImportProgress?, any Error>? in
            if shared.failure != nil { return .success(nil) }
            guard shared.next == chunk.number else { return nil }
            return Result { try Self.write(chunk, delivery, &shared) }
        }?.get()
        state.update { _ in }
        guard let progress = progress ?? nil else { return false }
        meter.show(progress)
        return true
    }

    private static func write(
        _ chunk: ImportChunk, _ delivery: ImportClient.Delivery, _ shared: inout Shared
    ) throws -> ImportProgress {
        // The journal last: what it names is there.
        try shared.rejects.append(delivery.refused)
        try shared.journal?.append(
            ImportJournal.Entry(
                chunk: chunk.number, accepted: delivery.accepted, refused: delivery.refused.count,
                batchIDs: delivery.batchIDs, rejectedBytes: shared.rejects.size, offset: chunk.offset))
        shared.next += 1
        shared.outcome.batchIDs += delivery.batchIDs
        shared.outcome.rejectedBytes = shared.rejects.size
        shared.outcome.progress.accepted += delivery.accepted
        shared.outcome.progress.refused += delivery.refused.count
        shared.outcome.progress.bytes = chunk.offset
        return shared.outcome.progress
    }
}
