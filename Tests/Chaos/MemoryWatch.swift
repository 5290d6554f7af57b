import Execution
import Foundation
import Synchronization
import TestShop

/// The most memory that a daemon of each role had at any time.
final class MemoryWatch: Sendable {
    private let daemons: [Daemon]
    private let most = Mutex<[String: Int]>([:])

    init(_ daemons: [Daemon]) { self.daemons = daemons }

    /// Resident, in kilobytes, by role.
    var peak: [String: Int] { most.withLock { $0 } }

    func run(until stop: StopSignal) {
        repeat {
            for daemon in daemons {
                guard let size = Self.resident(daemon.processID) else { continue }
                most.withLock { $0[daemon.role] = max($0[daemon.role] ?? 0, size) }
            }
        } while !stop.wait(for: .milliseconds(500))
    }

    /// VmRSS of a process in kilobytes.
    static func resident(_ process: Int32) -> Int? {
        guard process > 0, let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
        else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    }
}
