/// Where the cause of a failure lies, which decides what becomes of the work. Decided here and nowhere else: HTTP
/// answers, consumers, relays, workers, migrations and commands all go by it.
public enum FailureCause: Hashable, Sendable {
    /// What was asked for can't be done, now or later: the request, the message or the program is to blame.
    case work
    /// Another transaction was in the way. The same may succeed at once.
    case contention
    /// The server, or the way to it, is in a state in which this can't work: it is away, starting, stopping, a standby,
    /// read-only, or out of disk, memory, connections or transaction ids. The same succeeds once that has passed.
    case outage
    /// The server works but doesn't fit, and an operator has to see to it: a schema that isn't migrated, a role without its
    /// grants, a wrong password, damaged data, statements that take too long.
    case upkeep
}

extension PostgresError {
    /// Where the cause lies.
    public var cause: FailureCause {
        switch kind {
        case .connection:
            // A wrong password or a missing database doesn't go away by itself.
            sqlState.map { $0.errorClass == "28" || $0 == .undefinedDatabase } == true ? .upkeep : .outage
        case .server(let state):
            if isStalePlan { .contention } else if isOutOfTransactionIDs { .outage } else { state.cause }
        case .commitUnknown, .poolExhausted, .closed, .cancelled: .outage
        case .configuration: .upkeep
        case .decoding, .transactionAborted, .misuse, .migration: .work
        }
    }

    /// No request and no message is to blame: what failed passes by itself or is an operator's to mend.
    public var isPassing: Bool { cause != .work }

    /// Trying the same transaction again later can succeed and can't do its work twice.
    public var isTransient: Bool {
        switch kind {
        case .connection, .server, .poolExhausted: cause == .outage || cause == .contention
        case .configuration, .commitUnknown, .decoding, .cancelled, .closed, .transactionAborted, .misuse, .migration:
            false
        }
    }
}

extension SQLState {
    /// Where the cause of an error with this code lies (PostgreSQL 15 documentation, appendix A).
    public var cause: FailureCause {
        switch code {
        case Self.lockNotAvailable.code: .contention
        // Its constraint fails again.
        case "40002": .work
        case Self.queryCanceled.code: .upkeep
        case Self.readOnlyTransaction.code, Self.idleInTransactionTimeout.code, "25P04": .outage
        case Self.undefinedTable.code, Self.undefinedColumn.code, "42883", Self.insufficientPrivilege.code, "3F000",
            Self.undefinedDatabase.code:
            .upkeep
        default:
            switch errorClass {
            // Connections; resources; operators (57P01 to 57P05 among them); files and disks; the server's own settings.
            case "08", "53", "57", "58", "F0": .outage
            case "40": .contention
            case "28", "XX": .upkeep
            default: .work
            }
        }
    }
}
