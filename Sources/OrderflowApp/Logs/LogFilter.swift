import Logging
import Telemetry

/// Which log lines are wanted.
struct LogFilter: Sendable {
    var correlation: String?
    var order: String?
    var trace: String?
    var role: String?
    /// And what is more serious.
    var level = Logger.Level.trace

    /// One request, order or trace, rather than whatever was logged.
    var namesOne: Bool { correlation != nil || order != nil || trace != nil }

    /// Few lines are about one order: which aren't is seen before anything of them is read.
    func mayWant(_ line: UnsafeRawBufferPointer) -> Bool {
        [correlation, order, trace].allSatisfy { id in id.map { Self.contains(line, $0) } ?? true }
    }

    func wants(_ line: LogLine) -> Bool {
        func has(_ field: String, _ id: String?) -> Bool { id == nil || line[field] == id }
        return line.level >= level && (role == nil || line.role == role) && has("correlation_id", correlation)
            && has("order_id", order) && has("trace_id", trace)
    }

    /// An id is printable ASCII, which a line holds as it is, but for what JSON escapes.
    private static func contains(_ line: UnsafeRawBufferPointer, _ id: String) -> Bool {
        if id.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) { return true }
        var id = id
        return id.withUTF8 { id in
            guard let first = id.first, line.count >= id.count else { return false }
            let last = line.count - id.count
            return (0...last).contains { start in
                line[start] == first && line[start..<(start + id.count)].elementsEqual(id)
            }
        }
    }
}
