import ArgumentParser
import Execution
import Foundation
import OrderflowKit
import Postgres
import Terminal

/// A subcommand whose failures become one line each on stderr and an exit code that scripts can tell apart.
protocol OrderflowCommand: AsyncParsableCommand {
    func execute() async throws
}

extension OrderflowCommand {
    func run() async throws {
        do {
            try await execute()
        } catch let error as SettingsError {
            for problem in error.problems { warn("\(problem)") }
            throw ExitCode(ExitStatus.configuration)
        } catch let error as ExitCode {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            let cause = (error as? ThreadGroup.PartFailed)?.cause ?? error
            let isSetting = (cause as? PostgresError)?.kind == .configuration
            warn("\(isSetting ? cause : error)")
            throw ExitCode(isSetting ? ExitStatus.configuration : ExitStatus.failure)
        }
    }
}
