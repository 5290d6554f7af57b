import Postgres

/// Another process changed a row between our read and our write. Nothing is wrong: the same batch, tried again, decides
/// on what is true then.
public struct ConcurrentChange: Error, Sendable, CustomStringConvertible {
    public let streamID: String
    public init(streamID: String) { self.streamID = streamID }
    public var description: String { "\(streamID) was changed meanwhile" }

    /// Inserts rows that were just looked for and aren't there: one that another transaction has made meanwhile is a
    /// concurrent change, and so is the first of two that make it at once.
    ///
    /// A plain INSERT, which this makes possible, costs the server two thirds of one with `ON CONFLICT`, which looks for each
    /// row again, and in the log says of each that it stays (heapam.c, `heap_finish_speculative`).
    ///
    /// - Parameter name: what was to be made.
    package static func inserting<Result>(_ name: @autoclosure () -> String, _ body: () throws -> Result) throws
        -> Result
    {
        do {
            return try body()
        } catch let error as PostgresError where error.violates(.uniqueViolation) {
            throw ConcurrentChange(streamID: name())
        }
    }
}
