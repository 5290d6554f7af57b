/// The five characters by which PostgreSQL names an error, whatever the language of its message
/// (PostgreSQL 15 documentation, appendix A).
public struct SQLState: Hashable, Sendable, CustomStringConvertible {
    public let code: String

    public init(_ code: String) { self.code = code }

    /// The first two characters: `23` is every integrity violation.
    public var errorClass: Substring { code.prefix(2) }

    public var description: String { code }

    public static let uniqueViolation = SQLState("23505")
    public static let foreignKeyViolation = SQLState("23503")
    public static let notNullViolation = SQLState("23502")
    public static let checkViolation = SQLState("23514")
    public static let exclusionViolation = SQLState("23P01")
    public static let serializationFailure = SQLState("40001")
    public static let deadlockDetected = SQLState("40P01")
    /// `lock_timeout` passed, or NOWAIT found the lock taken.
    public static let lockNotAvailable = SQLState("55P03")
    /// `statement_timeout` passed, or it was cancelled.
    public static let queryCanceled = SQLState("57014")
    public static let adminShutdown = SQLState("57P01")
    public static let crashShutdown = SQLState("57P02")
    public static let cannotConnectNow = SQLState("57P03")
    public static let databaseDropped = SQLState("57P04")
    public static let idleSessionTimeout = SQLState("57P05")
    public static let idleInTransactionTimeout = SQLState("25P03")
    public static let readOnlyTransaction = SQLState("25006")
    public static let inFailedTransaction = SQLState("25P02")
    public static let tooManyConnections = SQLState("53300")
    public static let diskFull = SQLState("53100")
    public static let protocolViolation = SQLState("08P01")
    public static let undefinedTable = SQLState("42P01")
    public static let undefinedColumn = SQLState("42703")
    public static let undefinedStatement = SQLState("26000")
    public static let duplicateTable = SQLState("42P07")
    public static let duplicateDatabase = SQLState("42P04")
    public static let duplicateObject = SQLState("42710")
    public static let syntaxError = SQLState("42601")
    public static let insufficientPrivilege = SQLState("42501")
    public static let invalidPassword = SQLState("28P01")
    public static let invalidAuthorization = SQLState("28000")
    public static let undefinedDatabase = SQLState("3D000")
    public static let featureNotSupported = SQLState("0A000")
    public static let divisionByZero = SQLState("22012")
    public static let untranslatableCharacter = SQLState("22P05")
    public static let invalidTextRepresentation = SQLState("22P02")
    public static let raisedException = SQLState("P0001")
}
