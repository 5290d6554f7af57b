/// How many records a worker is given so that it is soon through with them, by how long records have taken it of late.
///
/// A value: it knows the times that it is told.
struct BatchSpan {
    /// How long a batch is to take.
    static let span: Duration = .milliseconds(20)
    /// Records of a batch, at least: a transaction costs about as much as these.
    static let least = 16
    /// Before it is known how long they take, a batch is this part of a usual one.
    static let part = 4

    /// How long a record takes; nil before the first.
    private var each: Duration?

    /// Notes that a worker was through with `count` records after `took`.
    mutating func noted(_ count: Int, took: Duration) {
        guard count > 0 else { return }
        // A mean that forgets: of one batch a stall is not yet news, of four it is.
        let latest = took / count
        each = each.map { ($0 * 3 + latest) / 4 } ?? latest
    }

    /// Of `max` records.
    func count(of max: Int) -> Int {
        guard let each else { return Swift.max(1, max / Self.part) }
        // Below a microsecond it is no measure.
        return min(max, Swift.max(Self.least, Int(Self.span / Swift.max(each, .microseconds(1)))))
    }
}
