import HTTPServer
import JSON
import Postgres
import TestServers
import Testing

@testable import OrderflowKit

/// How routes are declared, and what becomes of what their closures return or throw.
@Suite(.blocking, .servers) struct RoutesTests {
    private struct Unfit: AnswerableError {
        func problem(titled title: String?) -> HTTPProblem {
            HTTPProblem(.unprocessableContent, title: title ?? "untitled")
        }
    }

    private struct Mishap: Error {}

    /// Routes of every form, over a database that is there and one that isn't.
    private func routes() throws -> [Routes] {
        let database = try freshDatabase([])
        let pool = ConnectionPool(database, size: 1, name: "there", logger: quiet)
        let away = ConnectionPool(
            try PostgresConfiguration("postgresql://postgres@127.0.0.1:1/none"), size: 1, name: "away",
            waitLimit: .milliseconds(50), logger: quiet)
        return [
            Routes(needing: .ordersRead, .noCache, .refusals(titled: "Invalid read")) {
                Get("/tenant") { _, context in .text(.ok, context.tenant) }
                Get("/later/:name") { request, context, responder in
                    responder.send(.text(.ok, "\(context.tenant) \(request.pathParameter("name"))"))
                }
                Get("/pooled/:number", from: pool) { request, context in
                    let number = try request.pathParameter("number", as: Int64.self)
                    return PooledAnswer { connection in
                        .text(.ok, "\(context.tenant) \(try connection.number("SELECT $1::int8 + 1", [.int8(number)]))")
                    }
                }
                Get("/pooled/later", from: pool) { _, _, responder in
                    PooledAnswer { _ in
                        responder.send(.text(.ok, "by the responder"))
                        return nil
                    }
                }
                Get("/unfit") { _ in throw Unfit() }
                Get("/pooled/unfit", from: pool) { _, _ in PooledAnswer { _ in throw Unfit() } }
                Get("/pooled/problem", from: pool) { _, _ in
                    PooledAnswer { _ in throw HTTPProblem(.conflict, title: "Its own") }
                }
                Get("/pooled/mishap", from: pool) { _, _ in PooledAnswer { _ in throw Mishap() } }
                Get("/pooled/statement", from: pool) { _, _ in
                    PooledAnswer { connection in .text(.ok, "\(try connection.number("SELECT 1::int8 / 0"))") }
                }
                Get("/pooled/away", from: away) { _, _ in PooledAnswer { _ in .text(.ok, "never") } }
            },
            Routes(needing: .open) {
                Get("/anybody") { _ in .text(.ok, "anybody") }
                Post("/body") { _ in .text(.ok, "taken") }
                Put("/body") { _ in .text(.ok, "taken") }
                Patch("/body") { _ in .text(.ok, "taken") }
                Delete("/body") { _ in .text(.ok, "gone") }
            },
        ]
    }

    private func get(_ port: UInt16, _ path: String, tenant: String = "acme") throws -> WireClient.Answer {
        let client = try WireClient(port: port)
        try client.get(path, ["X-Tenant-Id": tenant])
        return try client.answer()
    }

    @Test func eachFormAnswers() async throws {
        try await serving(Router(try routes()), with: []) { port in
            for (path, text) in [
                ("/tenant", "acme"), ("/later/x", "acme x"), ("/pooled/41", "acme 42"),
                ("/pooled/later", "by the responder"), ("/anybody", "anybody"),
            ] {
                let answer = try get(port, path)
                #expect(answer.status == 200 && answer.body == text, "\(path)")
            }
            // What doesn't ask for the tenant isn't refused for it.
            for (path, status) in [("/tenant", 400), ("/later/x", 400), ("/pooled/41", 400), ("/anybody", 200)] {
                #expect(try get(port, path, tenant: "a b").status == status, "\(path)")
            }
        }
    }

    @Test func everyFailureIsAProblemWithTheGroupsFields() async throws {
        try await serving(Router(try routes()), with: []) { port in
            let table: [(path: String, status: Int, title: String)] = [
                ("/unfit", 422, "Invalid read"), ("/pooled/unfit", 422, "Invalid read"),
                ("/pooled/problem", 409, "Its own"), ("/pooled/mishap", 500, "Internal Server Error"),
                ("/pooled/statement", 500, "Internal Server Error"), ("/pooled/away", 503, "Database unavailable"),
                ("/pooled/x", 400, "Bad Request"),
            ]
            for row in table {
                let answer = try get(port, row.path)
                #expect(answer.status == row.status, "\(row.path)")
                #expect(answer.header("Content-Type") == "application/problem+json", "\(row.path)")
                #expect(answer.header("Cache-Control") == "no-cache", "\(row.path)")
                #expect(try JSONValue(parsing: answer.body)["title"]?.string == row.title, "\(row.path)")
            }
            #expect(try get(port, "/pooled/away").header("Retry-After") != nil)
        }
    }

    /// Whatever takes a body takes JSON, without being told.
    @Test func bodiesAreJSONUnlessARouteSaysOtherwise() async throws {
        try await serving(Router(try routes()), with: []) { port in
            for (method, unmarked) in [("POST", 415), ("PUT", 415), ("PATCH", 415), ("DELETE", 200)] {
                for (fields, status) in [("Content-Type: application/json\r\n", 200), ("", unmarked)] {
                    let client = try WireClient(port: port)
                    try client.send(
                        raw: "\(method) /body HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: 2\r\n\r\n{}")
                    #expect(try client.answer().status == status, "\(method) \(fields)")
                }
            }
            let client = try WireClient(port: port)
            try client.send(raw: "OPTIONS /body HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.answer().header("Allow") == "POST, PUT, PATCH, DELETE, OPTIONS")
        }
    }
}
