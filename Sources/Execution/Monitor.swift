#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// State behind a lock that threads can wait on: Hoare's monitor, Mesa semantics.
///
/// `Synchronization.Mutex` has no condition variable; every queue between our threads needs one.
/// Only threads of our own may wait here, never a thread of Swift's cooperative pool.
///
/// `@unchecked Sendable`: `state` is touched only between lock and unlock of `mutex`, and both
/// pthread objects live on the heap at a fixed address until `deinit`, when nobody can wait any more.
public final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    public init(_ initial: sending State) {
        state = initial
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        #if !canImport(Darwin)
            // A deadline must not move when the wall clock is set.
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        #endif
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` alone with the state. Wakes nobody.
    public func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Runs `body` alone with the state, then wakes every waiter so that it looks again.
    public func update<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        // The lock first: who is woken needs it, and would have to wait again.
        defer { pthread_cond_broadcast(condition) }
        return try withLock(body)
    }

    /// As `update`, waking one waiter: where any of them may take what there is, and waking all would be in vain.
    public func updateForOne<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        defer { pthread_cond_signal(condition) }
        return try withLock(body)
    }

    /// Waits until `take` returns a value, for at most `timeout` (`nil`: for ever). `take` runs under the lock,
    /// first at once and then after every `update`. Returns nil when the time is up.
    public func wait<Result>(for timeout: Duration?, _ take: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let result = take(&state) { return result }
        guard let timeout else {
            while true {
                pthread_cond_wait(condition, mutex)
                if let result = take(&state) { return result }
            }
        }
        var deadline = timespec(after: timeout)
        while true {
            let outcome = pthread_cond_timedwait(condition, mutex, &deadline)
            if let result = take(&state) { return result }
            if outcome == ETIMEDOUT { return nil }
        }
    }

    /// Waits until `look` takes something. `look` runs under the lock, first at once, then after every `update` and when the
    /// time has come that it named last.
    public func wait<Result>(_ look: (inout State, ContinuousClock.Instant) -> Look<Result>) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            let now = ContinuousClock.now
            switch look(&state, now) {
            case .taken(let result): return result
            case .nothing: pthread_cond_wait(condition, mutex)
            case .again(let at):
                var deadline = timespec(after: now.duration(to: at))
                pthread_cond_timedwait(condition, mutex, &deadline)
            }
        }
    }
}

/// What a look at a monitor's state comes to.
public enum Look<Result> {
    case taken(Result)
    /// Nothing yet. Time alone changes that, at this moment at the latest.
    case again(at: ContinuousClock.Instant)
    /// Nothing until somebody changes the state.
    case nothing
}

extension timespec {
    fileprivate init(after duration: Duration) {
        self.init()
        clock_gettime(CLOCK_MONOTONIC, &self)
        // A century is "for ever" here and keeps the sum far from overflow.
        let clamped = duration.clamped(to: .zero ... .seconds(3_155_760_000))
        let (seconds, attoseconds) = clamped.components
        tv_sec += Int(seconds)
        tv_nsec += Int(attoseconds / 1_000_000_000)
        if tv_nsec >= 1_000_000_000 {
            tv_sec += 1
            tv_nsec -= 1_000_000_000
        }
    }
}
