import ArgumentParser
import Execution
import JSON
import OrderflowKit

/// A point in time on the command line.
enum TimeArgument {
    /// Microseconds since the Unix epoch.
    static func microseconds(_ text: String, option: String) throws -> Int64 {
        if let time = RFC3339.microseconds(text) { return time }
        guard let ago = DurationText.parse(text) else {
            throw ValidationError("\(option) takes a time such as 2026-01-31T00:00:00Z or, for how long ago, 15m")
        }
        return WallClock.nowMicroseconds() - ago.microseconds
    }
}
