import ArgumentParser
import Execution
import OrderflowKit
import Terminal

struct MigrateCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Make the databases and bring them to their newest schema.",
        discussion: """
            Every service has a database of its own, orderflow_<service>, and three roles: orderflow_<service> owns the \
            tables and nobody logs in as it, orderflow_<service>_daemon reads and writes rows, and \
            orderflow_<service>_requests sees rows of the tenant that asks. No other role may connect to it. What is \
            missing is made with database.admin_url (else database.url, which then has to be an administrator's); the \
            roles get the password of database.url or database.password. A service whose own URL is set \
            (<service>.database.url, owner_url, requests_url) has a database and roles already. Then each service's \
            schema and the rights of its roles are brought up to date. Payment gets a key that payment tokens are \
            sealed for, whose public half goes to the order service.

            With relay.source=wal each database gets what relays need to read PostgreSQL's log: publications, replication \
            slots, and the attribute REPLICATION for its daemons' role. With windows all of it is taken away again, since \
            a slot that nobody reads fills the server's disk.

            Safe to run again, and at the same time from several machines. A database newer than this program is \
            refused, with nothing changed.

            EXAMPLES
              orderflow migrate
              orderflow migrate --wait 60s                               a server that is just starting
              ORDERFLOW_DATABASE_ADMIN_URL=postgresql://admin:pw@db/postgres orderflow migrate
            """)

    @OptionGroup var options: SettingsOptions

    @Option(help: ArgumentHelp("Wait for the server to answer, at most this long.", valueName: "duration"))
    var wait: String = "0s"

    func execute() async throws {
        guard let limit = DurationText.parse(wait) else {
            throw ValidationError("--wait takes a duration such as 30s, not \(wait)")
        }
        let settings = try options.load().settings
        Observability.start(settings.log, role: "migrate")
        try await DedicatedThread.run("migrate") {
            try Preparation.migrate(settings, waiting: limit, stop: StopSignal())
        }
    }
}
