import ArgumentParser

@main
struct Orderflow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orderflow",
        abstract: "An event-driven order pipeline on Apache Kafka and PostgreSQL.",
        discussion: """
            Orders come in over HTTP, are committed to an event store, published to Kafka, and every service reacts to \
            them on its own. Each role is a subcommand and runs as its own daemon, any number of each; `orderflow up` \
            runs all of them on one machine.
            """,
        version: "0.1.0",
        subcommands: [ConfigCommand.self])
}
