import ArgumentParser
import OrderflowKit

struct Orderflow: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "orderflow",
            abstract: "An event-driven order pipeline on Apache Kafka and PostgreSQL.",
            discussion: """
                Orders come in over HTTP, are committed to an event store, published to Kafka, and every service reacts to \
                them on its own. Each role is a subcommand and runs as its own daemon, any number of each; `orderflow up` \
                runs all of them on one machine.

                Settings come from config/orderflow.yaml, ORDERFLOW_… variables and flags, in rising precedence: see \
                `orderflow config --help`. `orderflow help <subcommand>` explains each subcommand.

                EXAMPLES
                  orderflow migrate && orderflow topics create     once, and after every update
                  orderflow up                                     everything on this machine
                  orderflow shipping                               one role, as its own daemon
                  orderflow config --changed                       what is configured, and where
                """,
            version: OrderflowVersion.current,
            groupedSubcommands: [
                CommandGroup(name: "RUN", subcommands: [UpCommand.self] + roleCommands),
                CommandGroup(
                    name: "PREPARE",
                    subcommands: [
                        MigrateCommand.self, TopicsCommand.self, ConfigCommand.self, RoutesCommand.self,
                        SigningCommand.self, SchemasCommand.self,
                        DocsCommand.self,
                        NewCommand.self,
                    ]),
                CommandGroup(
                    name: "OPERATE",
                    subcommands: [
                        ImportCommand.self, StatusCommand.self, WatchCommand.self, LogsCommand.self, KeysCommand.self,
                        TokenKeysCommand.self, StockCommand.self, SagasCommand.self,
                        DeadLettersCommand.self, ScheduleCommand.self,
                        GroupsCommand.self, ReplayCommand.self, AuditCommand.self, BenchCommand.self,
                    ]),
            ])
    }

    /// One a service.
    private static var roleCommands: [any ParsableCommand.Type] {
        func commands<Place: CataloguePlace>(from place: Place.Type, left: Int) -> [any ParsableCommand.Type] {
            left == 0 ? [] : [RoleCommand<Place>.self] + commands(from: Next<Place>.self, left: left - 1)
        }
        return commands(from: First.self, left: OrderflowApp.services.modules.count)
    }
}
