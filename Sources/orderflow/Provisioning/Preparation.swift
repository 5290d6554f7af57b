import Execution

/// What has to be there before the roles can work. Waits for servers that aren't, and says so.
enum Preparation {
    static func run(_ settings: Settings, stop: StopSignal) throws {
        try MigrateCommand.migrate(settings, waiting: nil, stop: stop)
    }
}
