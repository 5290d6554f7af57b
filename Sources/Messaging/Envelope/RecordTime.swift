import JSON
import Kafka

extension ConsumedMessage {
    /// The record's timestamp, microseconds since the Unix epoch.
    public var time: Int64 { RecordTime.microseconds(timestamp) }
}

/// Records' timestamps as times that tables, documents and cursors can hold.
enum RecordTime {
    /// A producer may stamp its records with any number at all, such as nanoseconds: what lies outside of
    /// `RFC3339.range` is its nearest end.
    ///
    /// - Parameter milliseconds: since the Unix epoch.
    static func microseconds(_ milliseconds: Int64) -> Int64 {
        let (result, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return milliseconds < 0 ? RFC3339.range.lowerBound : RFC3339.range.upperBound }
        return min(max(result, RFC3339.range.lowerBound), RFC3339.range.upperBound)
    }
}
