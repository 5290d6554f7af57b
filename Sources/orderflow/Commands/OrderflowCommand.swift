import ArgumentParser
import Execution
import Foundation
import Postgres

/// A subcommand whose failures become one line each on stderr and an exit code that scripts can tell apart.
protocol OrderflowCommand: AsyncParsableCommand {
    func execute() async throws
}

/// The exit codes besides 0.
enum ExitStatus {
    static let failure: Int32 = 1
    /// sysexits.h EX_USAGE, as ArgumentParser has it.
    static let usage: Int32 = 64
    /// sysexits.h EX_CONFIG: starting again without changing something can't help, and the supervisor doesn't try.
    static let configuration: Int32 = 78
}

extension OrderflowCommand {
    func run() async throws {
        do {
            try await execute()
        } catch let error as SettingsError {
            for problem in error.problems { complain("\(problem)") }
            throw ExitCode(ExitStatus.configuration)
        } catch let error as ExitCode {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            let cause = (error as? ThreadGroup.PartFailed)?.cause ?? error
            let isSetting = (cause as? PostgresError)?.kind == .configuration
            complain("\(isSetting ? cause : error)")
            throw ExitCode(isSetting ? ExitStatus.configuration : ExitStatus.failure)
        }
    }
}

/// One line on stderr.
func complain(_ problem: TerminalText) {
    FileHandle.standardError.write(Data(("orderflow: \(problem)\n" as TerminalText).text.utf8))
}

/// On stdout at once: a pipe or a file gets it when a terminal would.
func tell(_ text: TerminalText) {
    FileHandle.standardOutput.write(Data(text.text.utf8))
}
