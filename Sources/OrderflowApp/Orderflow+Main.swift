import ArgumentParser
import Foundation
import Glibc

extension Orderflow {
    /// Runs a command and ends the process: the one way out for all roles and commands.
    ///
    /// As `AsyncParsableCommand.main` has it, but for the end. `exit` runs the handlers of libraries while other threads
    /// go on; OpenSSL's takes from under them what a TLS session is closed with, and the process ends in
    /// `free(): invalid pointer` (OPENSSL_cleanup(3)). Whatever has to be done has been done by now: what is buffered is
    /// written, and the kernel takes the rest.
    static func main() async {
        var status: Int32 = 0
        do {
            var command = try await asyncParseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            status = exitCode(for: error).rawValue
            let message = fullMessage(for: error)
            if !message.isEmpty {
                if status == 0 { print(message) } else { FileHandle.standardError.write(Data((message + "\n").utf8)) }
            }
        }
        fflush(nil)
        _exit(status)
    }
}
