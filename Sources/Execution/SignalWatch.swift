import Dispatch

#if canImport(Darwin)
    import Darwin
#endif

/// Hears signals that would otherwise end the process, until it is cancelled.
public struct SignalWatch {
    private let sources: [any DispatchSourceSignal]

    /// Signals that come after this has returned are heard.
    ///
    /// - Parameter heard: called for one signal after the other, on a queue's thread. Several of one kind in short
    ///   order may be heard as one.
    public init(_ signals: [Int32], _ heard: @escaping @Sendable (Int32) -> Void) {
        let queue = DispatchQueue(label: "signals")
        sources = signals.map { number in
            #if canImport(Darwin)
                // kqueue hears what the process ignores. On Linux libdispatch has a handler of its own.
                signal(number, SIG_IGN)
            #endif
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { heard(number) }
            source.activate()
            return source
        }
    }

    public func cancel() {
        for source in sources { source.cancel() }
    }
}
