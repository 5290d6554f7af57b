/// Which of the traces that begin here are recorded. One that goes on does as its `traceparent` says.
///
/// The decision is a function of the trace id, so that everybody with the same ratio decides alike: its last 56 bits
/// are taken for a random number (W3C Trace Context level 2, "random-trace-id").
struct TraceSampler: Sendable {
    /// Numbers from here on are recorded.
    private let threshold: UInt64
    private static let numbers: UInt64 = 1 << 56

    /// - Parameter ratio: from 0, none, to 1, all.
    init(ratio: Double) {
        let rejected = (1 - min(max(ratio, 0), 1)) * Double(Self.numbers)
        threshold = UInt64(rejected.rounded())
    }

    func records(_ traceID: UInt128) -> Bool {
        UInt64(truncatingIfNeeded: traceID) & (Self.numbers - 1) >= threshold
    }
}
