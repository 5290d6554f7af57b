import Execution
import HTTPServer
import Messaging
import Outbound
import Postgres
import TestServers
import Testing

@testable import OrderflowKit

/// Refused rights become records, off the event loop.
@Suite(.blocking, .servers) struct RefusalAuditTests {
    /// Knows callers by a header, and notes whom it refuses.
    private struct NotingGate: AccessGate {
        let audit: RefusalAudit
        let refusals: RefusedRights?

        init(_ audit: RefusalAudit) {
            self.audit = audit
            refusals = RefusedRights { audit.note($0) }
        }

        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
            let name = request.header("X-Name") ?? ""
            let principal = Principal(
                .key, subject: "key:\(name)", tenant: "acme", rights: Rights([.stockRead, .ordersReadOwn]))
            guard need.isMet(by: principal) else {
                audit.note(RefusedRight(principal, need.right, request))
                throw AccessRefusal.missing(need.right)
            }
            return principal
        }
    }

    private static let routes = [
        Routes(needing: .stockWrite) { Get("/w/:sku") { _ in .text(.ok, "") } },
        Routes(needing: .stockRead) { Get("/r") { _ in .text(.ok, "") } },
        Routes(needing: .ordersRead, orOwn: true) {
            Get("/of/:user") { request, context in
                try context.reach(.ordersRead).demand(request.pathParameter("user"))
                return .text(.ok, "")
            }
        },
    ]

    private func ask(_ refusals: RefusalAudit, _ requests: [(path: String, name: String)]) async throws {
        try await serving(Router(Self.routes, gate: NotingGate(refusals)), with: []) { port in
            for request in requests {
                _ = try HTTPClient().send(
                    HTTPClient.Request(
                        url: "http://127.0.0.1:\(port)\(request.path)",
                        headers: [(name: "X-Name", value: request.name)]))
            }
        }
    }

    @Test func aCallerThatGoesOnAskingIsOneRecord() async throws {
        let database = try freshDatabase([Migration(version: 1, name: "all", sql: MessagingSchema.v1)])
        let refusals = RefusalAudit(database, every: .seconds(600), logger: quiet)
        try await ask(
            refusals,
            [("/w/a", "x"), ("/w/b", "x"), ("/w/a", "x"), ("/w/a", "y"), ("/r", "x"), ("/none", "x")]
                // However many users it names.
                + (0..<20).map { ("/of/user-\($0)", "z") } + [("/of/key:z", "z")])
        // It writes what is left when it is stopped.
        let stop = StopSignal()
        stop.stop()
        refusals.run(until: stop)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let records = try AuditLog.page(limit: 10, on: connection).sorted { $0.actor < $1.actor }
        #expect(records.map(\.actor) == ["key:x", "key:y", "key:z"] && Set(records.map(\.act)) == ["access.refused"])
        #expect(records.map(\.object) == ["GET /w/:sku", "GET /w/:sku", "GET /of/:user"])
        #expect(Set(records.map(\.tenant)) == ["acme"])
        #expect(
            records.map(\.detail) == [
                #"{"scope":"stock:write","count":3}"#, #"{"scope":"stock:write","count":1}"#,
                #"{"scope":"orders:read","for":"another user","count":20}"#,
            ])
        #expect(try AuditChain.flaws(on: connection).isEmpty)
    }

    /// While the database is away nothing is lost up to the limit; what is beyond it is counted.
    @Test func whatDoesNotFitIsCounted() async throws {
        let database = try freshDatabase([])
        let refusals = RefusalAudit(database, every: .milliseconds(20), logger: quiet)
        let names = (0..<RefusalAudit.limit + 7).map { "n\($0)" }
        try await ask(refusals, names.map { ("/w/a", $0) })
        let stop = StopSignal()
        let thread = DedicatedThread.start("refusals") { refusals.run(until: stop) }
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        // It fails until the table is there.
        try connection.script(MessagingSchema.v1)
        try eventually("they are written") {
            try connection.number("SELECT count(*) FROM audit") == Int64(RefusalAudit.limit) + 1
        }
        stop.stop()
        thread.join()
        let last = try connection.query("SELECT detail FROM audit WHERE actor = ''").one().get(0, as: String.self)
        #expect(last == #"{"count":7}"#)
    }
}
