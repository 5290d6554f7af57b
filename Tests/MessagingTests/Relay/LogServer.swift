import TestServers

/// A server for the relays that read its log: a slot waits for every transaction that is open anywhere on its server, and
/// the shared one always has some.
enum LogServer {
    static let shared = Result { try PostgresServer.start() }
}
