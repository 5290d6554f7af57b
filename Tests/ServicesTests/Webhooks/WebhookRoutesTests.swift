import Execution
import HTTPServer
import Hashing
import JSON
import Messaging
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Webhooks

/// Webhooks over HTTP, each tenant's own.
@Suite(.blocking, .servers) struct WebhookRoutesTests {
    private let database: PostgresConfiguration
    private let vault = SecretVault()

    init() throws {
        database = try freshDatabase(ServiceDatabase.webhooks.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        try vault.load(on: connection)
    }

    private struct Answer {
        let status: Int
        let body: JSONValue?
        let text: String
    }

    private func router(_ tenant: String, _ change: (inout WebhookSettings) -> Void = { _ in }) -> Router {
        var settings = WebhookSettings()
        change(&settings)
        let routes = WebhookRoutes(
            database: ConnectionPool(database, size: 1, name: "webhooks", logger: quiet), vault: vault,
            desk: DeliveryDesk(), types: EventTypes(ServiceCatalogue([.api, .webhooks])), settings: settings,
            source: "/orderflow/webhooks")
        let key = Principal(.key, subject: "key:ops", tenant: tenant, rights: Rights([.webhooksRead, .webhooksWrite]))
        return Router(routes.routes, gate: FixedGate(principal: key))
    }

    private static func ask(_ port: UInt16, _ path: String, _ body: String? = nil) throws -> Answer {
        let response = try HTTPClient().send(
            HTTPClient.Request(
                url: "http://127.0.0.1:\(port)\(path)", body: body.map { Array($0.utf8) },
                headers: body == nil ? [] : [(name: "Content-Type", value: "application/json")]))
        return Answer(
            status: response.status, body: try? JSONValue(parsing: response.body),
            text: String(decoding: response.body, as: UTF8.self))
    }

    private static let good = #"{"url":"https://partner.example/hook","types":["OrderConfirmed","Order*"]}"#

    @Test func aTenantSeesItsOwnAndItsSecretsOnce() async throws {
        let id = try await serving(router("acme"), with: []) { port in
            let made = try Self.ask(port, "/webhooks", Self.good)
            #expect(made.status == 201, "\(made.text)")
            let id = try #require(made.body?["id"]?.string)
            let secret = try #require(made.body?["secret"]?.string)
            #expect(WebhookSecret(text: secret) != nil)
            let one = try Self.ask(port, "/webhooks/\(id)")
            #expect(one.status == 200 && one.body?["secret"] == nil && one.body?["state"]?.string == "active")
            let rotated = try Self.ask(port, "/webhooks/\(id)/rotate-secret", "{}")
            #expect(rotated.body?["secret"]?.string != secret && rotated.body?["formerSecretUntil"] != nil)
            #expect(try Self.ask(port, "/webhooks/\(id)/pause", "{}").body?["state"]?.string == "paused")
            #expect(try Self.ask(port, "/webhooks/\(id)/ping", "{}").status == 409)
            #expect(try Self.ask(port, "/webhooks/\(id)/resume", "{}").body?["state"]?.string == "active")
            let ping = try Self.ask(port, "/webhooks/\(id)/ping", "{}")
            #expect(ping.status == 202)
            let list = try Self.ask(port, "/webhooks/\(id)/deliveries?state=pending")
            #expect(list.body?["deliveries"]?[0]?["type"]?.string == "WebhookPing", "\(list.text)")
            #expect(try Self.ask(port, "/webhooks/\(id)/replay", "{}").status == 400)
            #expect(try Self.ask(port, "/webhooks/\(id)/replay?from=soon", "{}").status == 400)
            #expect(try Self.ask(port, "/webhooks/\(id)/replay?from=0", "{}").body?["facts"]?.int64 == 1)
            return id
        }
        try await serving(router("globex"), with: []) { (port: UInt16) throws -> Void in
            for path in ["/webhooks/\(id)", "/webhooks/\(id)/deliveries"] {
                #expect(try Self.ask(port, path).status == 404)
            }
            for act in ["rotate-secret", "pause", "resume", "ping", "replay?from=0"] {
                #expect(try Self.ask(port, "/webhooks/\(id)/\(act)", "{}").status == 404, "\(act)")
            }
            #expect(try Self.ask(port, "/webhooks").text == #"{"webhooks":[]}"#)
        }
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let acts = try AuditLog.page(limit: 20, on: connection).map(\.act)
        #expect(
            acts == [
                "webhooks.create", "webhooks.rotate-secret", "webhooks.pause", "webhooks.resume", "webhooks.replay",
            ])
    }

    @Test func whatIsWrongIsSaidWithItsPlace() async throws {
        try await serving(router("acme") { $0.endpoints = 2 }, with: []) { port in
            func refusal(_ body: String) throws -> String {
                let answer = try Self.ask(port, "/webhooks", body)
                let errors = answer.body?["errors"]?.array ?? []
                return "\(answer.status) " + errors.compactMap { $0["pointer"]?.string }.joined(separator: " ")
            }
            let types = #""types":["OrderConfirmed"]"#
            #expect(try refusal("{") == "400 ")
            #expect(try refusal("{}") == "422 /types /url")
            #expect(try refusal(#"{"url":"https://a.example/","types":[]}"#) == "422 /types")
            #expect(try refusal(#"{"url":"https://a.example/","types":["OrderConfirmed","Nope"]}"#) == "422 /types/1")
            #expect(try refusal(#"{"url":"https://a.example/","types":["Nope*"]}"#) == "422 /types/0")
            for url in [
                "http://a.example/", "ftp://a.example/", "https://u:p@a.example/", "https://127.0.0.1/",
                "https://[::1]/", "https://0x7f.1/", "https://169.254.169.254/", "nonsense", "",
            ] {
                #expect(try refusal(#"{"url":"\#(url)",\#(types)}"#) == "422 /url", "\(url)")
            }
            #expect(
                try refusal(#"{"url":"https://a.example/\#(String(repeating: "x", count: 2_100))",\#(types)}"#)
                    == "422 /url")
            for _ in 1...2 { #expect(try Self.ask(port, "/webhooks", Self.good).status == 201) }
            #expect(try Self.ask(port, "/webhooks", Self.good).status == 409)
            let page = try Self.ask(port, "/webhooks?limit=1")
            let next = try #require(page.body?["nextCursor"]?.string)
            let rest = try Self.ask(port, "/webhooks?limit=1&cursor=\(next)")
            #expect(rest.body?["webhooks"]?.array?.count == 1 && rest.body?["nextCursor"] == nil)
            #expect(rest.body?["webhooks"]?[0]?["id"] != page.body?["webhooks"]?[0]?["id"])
            #expect(try Self.ask(port, "/webhooks?cursor=zz").status == 400)
        }
    }
}
