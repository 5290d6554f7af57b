import Execution
import HTTPServer
import OrderflowKit
import Postgres

/// `GET /attention` of every role with a database: what there waits for a person. For operators, like `/metrics`.
public struct AttentionRoute: Sendable {
    private let document: AttentionDocument
    private let database: ConnectionPool

    /// - Parameter database: the service's own.
    public init(_ document: AttentionDocument, database: ConnectionPool) {
        self.document = document
        self.database = database
    }

    public var routes: Routes {
        Routes(needing: .operate, .noStore) {
            Get("/attention", from: database) { [document] _, _ in
                PooledAnswer { connection in .json(.ok, try document.read(on: connection)) }
            }
        }
    }

    /// The document itself, for this very process. Blocks the calling thread.
    func read(within limit: Duration) throws -> [UInt8] {
        let result = Monitor<Result<[UInt8], any Error>?>(nil)
        let isQueued = database.submit { [document] connection in
            let read = Result { try document.read(on: connection.get()) }
            result.update { $0 = read }
        }
        guard isQueued, let read = result.wait(for: limit, { $0 }) else {
            throw HTTPProblem(.serviceUnavailable, detail: "the database is busy")
        }
        return try read.get()
    }
}
