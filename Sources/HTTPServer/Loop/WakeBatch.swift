import Glibc

/// The mailboxes that a thread wrote to within `Responder.batch`.
final class WakeBatch {
    private var mailboxes: [Mailbox] = []

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "out of thread-specific keys: error \(code)")
        return key
    }()

    /// The batch the calling thread is in.
    static var current: WakeBatch? {
        pthread_getspecific(key).map { Unmanaged<WakeBatch>.fromOpaque($0).takeUnretainedValue() }
    }

    func touched(_ mailbox: Mailbox) {
        // One a loop: few enough to look through.
        if !mailboxes.contains(where: { $0 === mailbox }) { mailboxes.append(mailbox) }
    }

    static func run<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        guard current == nil else { return try body() }
        let batch = WakeBatch()
        pthread_setspecific(key, Unmanaged.passUnretained(batch).toOpaque())
        defer {
            pthread_setspecific(key, nil)
            for mailbox in batch.mailboxes { mailbox.wakeIfNeeded() }
        }
        return try body()
    }
}
