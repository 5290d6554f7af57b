/// The blocking parts of a daemon, each on a thread of its own, that live and die together.
public enum ThreadGroup {
    public struct Part: Sendable {
        public let name: String
        let body: @Sendable (StopSignal) throws -> Void

        /// - Parameter body: runs until the signal stops it.
        public init(_ name: String, _ body: @escaping @Sendable (StopSignal) throws -> Void) {
            self.name = name
            self.body = body
        }

        /// What it does, on the calling thread.
        public func run(_ stop: StopSignal) throws { try body(stop) }
    }

    /// A part ended before it was asked to.
    public struct PartFailed: Error, CustomStringConvertible {
        public let part: String
        public let cause: any Error
        public var description: String { "\(part): \(cause)" }
    }

    /// Runs all parts until `stop`, or until one of them throws, which stops the others. Blocks the calling thread.
    public static func run(_ parts: [Part], until stop: StopSignal) throws {
        let failure = Monitor<PartFailed?>(nil)
        let own = StopSignal()
        stop.onStop { own.stop() }
        let threads = parts.map { part in
            DedicatedThread.start(part.name) {
                do {
                    try part.body(own)
                } catch {
                    failure.withLock { if $0 == nil { $0 = PartFailed(part: part.name, cause: error) } }
                    own.stop()
                }
            }
        }
        for thread in threads { thread.join() }
        if let failed = failure.withLock({ $0 }) { throw failed }
    }
}
