import Execution
import HTTPServer
import JSON
import Messaging
import Orders
import Postgres
import TestServers

@testable import OrderflowKit
@testable import Projection
@testable import Query

/// GraphQL on a port, over read models of its own.
struct GraphQLSide: Sendable {
    let database: PostgresConfiguration
    let watch: OrderWatch
    let port: UInt16

    /// Believes what a request says of its caller; who says nothing may do everything.
    struct NamedCaller: AccessGate {
        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
            guard let words = request.header("Authorization")?.split(separator: " "), words.count == 3 else {
                return .open
            }
            let principal = Principal(
                .token, subject: String(words[1]), tenant: "default",
                rights: Rights(scopes: words[2].split(separator: ",")))
            guard need.isMet(by: principal) else { throw AccessRefusal.missing(need.right) }
            return principal
        }
    }

    /// Header fields of a caller.
    static func caller(_ subject: String, _ scopes: String) -> [String: String] {
        ["Authorization": "Test \(subject) \(scopes)"]
    }

    /// Knows no write and no history.
    static let nobody = GraphQLBackend(writes: NoAPI(), histories: NoAPI())

    /// Runs `body` on a thread of its own: clients block.
    ///
    /// - Parameters:
    ///   - through: counts the exchanges of the read models' connections.
    ///   - links: to other roles, which run meanwhile.
    static func run(
        settings: GraphQLSettings = GraphQLSettings(), through counter: ExchangeCounter? = nil,
        links: ShopLinks = ShopLinks(saga: nil, inventory: nil, service: []),
        backend: GraphQLBackend = nobody, page: GraphQLPage? = nil,
        _ body: @escaping @Sendable (GraphQLSide) throws -> Void
    ) async throws {
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        var reading = database
        if let counter {
            reading = try PostgresConfiguration(
                PostgresServer.url(
                    port: counter.port, database: database.database ?? "", user: database.user ?? "",
                    password: database.password ?? ""))
        }
        let pool = ConnectionPool(reading, size: 2, name: "views", logger: quiet)
        let watch = OrderWatch(views: pool, database: database, logger: quiet)
        let sources = GraphQLSources(
            views: pool, changes: OrderChanges(views: pool, watch: watch), links: links, writes: backend.writes,
            histories: backend.histories)
        let endpoint = try GraphQLEndpoint(sources, settings, page: page, logger: quiet)
        let parts = watch.parts + (links.saga?.parts ?? []) + (links.inventory?.parts ?? [])
        try await serving(
            Router(endpoint.routes, gate: NamedCaller()), with: parts,
            toBlocking: { port in try body(GraphQLSide(database: database, watch: watch, port: port)) })
    }

    func client() throws -> WireClient { try WireClient(port: port) }

    /// An answer to a query by POST.
    func post(
        _ query: String, _ variables: JSONValue = [:], _ headers: [String: String] = [:]
    ) throws -> WireClient.Answer {
        let body: JSONValue = ["query": .string(query), "variables": variables]
        let client = try client()
        try client.send("POST", "/graphql", headers, body: body.description)
        return try client.answer()
    }

    func ask(
        _ query: String, _ variables: JSONValue = [:], _ headers: [String: String] = [:]
    ) throws -> JSONValue {
        try JSONValue(parsing: post(query, variables, headers).body)
    }

    func get(_ path: String, _ headers: [String: String] = [:]) throws -> WireClient.Answer {
        let client = try client()
        try client.get(path, headers)
        return try client.answer()
    }

    /// One batch through all projections.
    func project(_ messages: [InboundMessage]) throws {
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        try OrderViewProjection(.standard).apply(messages, on: connection)
        try InvoicingHandler().apply(messages, on: connection)
        try SalesHandler().apply(messages, on: connection)
    }
}
