import Foundation
import Glibc

/// Faults that the kernel can make, where it may be asked to.
enum Kernel {
    /// Kinds of faults that can't be had here.
    static let lacks: Set<Fault> = {
        var lacks: Set<Fault> = []
        // SOCK_DESTROY takes CAP_NET_ADMIN and a kernel built with it.
        if getuid() != 0 || !run(["ss", "-K", "dst", "192.0.2.1"]) { lacks.insert(.kafkaCut) }
        return lacks
    }()

    /// Both ends of every connection to `port` of this machine see a reset.
    static func resetConnections(to port: Int) throws {
        guard run(["ss", "-K", "dst", "127.0.0.1", "dport", "=", ":\(port)"]) else { throw CantReset() }
    }

    private struct CantReset: Error {}

    private static func run(_ command: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
