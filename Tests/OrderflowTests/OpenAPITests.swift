import Foundation
import FoundationNetworking
import HTTPServer
import JSON
import Logging
import TestSchemas
import TestTokens
import Testing

@testable import Operations
@testable import OrderAPI
@testable import OrderflowApp
@testable import OrderflowKit

/// `/openapi.json` describes the routes that there are, and nothing else.
@Suite struct OpenAPITests {
    private let document: JSONValue

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/CWebFiles/files/openapi.json")
        document = try JSONValue(parsing: Array(Data(contentsOf: path)))
    }

    private struct Operation {
        let name: String
        /// Of the role that serves it.
        let port: Int
        let value: JSONValue
    }

    private var operations: [Operation] {
        (document["paths"]?.object?.members ?? []).flatMap { path in
            (path.value.object?.members ?? []).filter { $0.name != "servers" }.map { method in
                let server = path.value["servers"]?[0]?["url"]?.string ?? "http://localhost:3000"
                return Operation(
                    name: "\(method.name.uppercased()) \(path.name)",
                    port: server.split(separator: ":").last.flatMap { Int($0) } ?? 0, value: method.value)
            }
        }
    }

    private func runtime(of role: ServiceModule, _ settings: Settings) -> RoleRuntime {
        RoleRuntime(
            role, settings: settings, health: HealthRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private func groups(of role: ServiceModule) throws -> [Routes] {
        let runtime = runtime(of: role, Settings(OrderflowApp.services))
        return try runtime.routes(runtime.assemble { try Supervision.running($0, role) })
    }

    /// As the document writes them, with what each needs.
    private func needs(of role: ServiceModule) throws -> [String: RouteNeed] {
        let pairs = try groups(of: role).flatMap { group in
            group.endpoints.map { route in
                let path = route.pattern.split(separator: "/", omittingEmptySubsequences: false).map {
                    $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0)
                }
                return ("\(route.method.rawValue) \(path.joined(separator: "/"))", group.need)
            }
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    private func routes(of role: ServiceModule) throws -> Set<String> { Set(try needs(of: role).keys) }

    /// A route that is new stands here too, so that its right is no accident.
    @Test func everyRouteNeedsTheRightThatIsMeant() throws {
        let meant: [Right: Set<String>] = [
            .open: [
                "GET /livez", "GET /readyz", "GET /openapi.json", "GET /", "GET /dashboard/{file}",
                "GET /graphql/{file}",
                "POST /dashboard/session", "DELETE /dashboard/session",
            ],
            .operate: [
                "GET /metrics", "GET /attention", "GET /dashboard/stream", "GET /dashboard/state",
                "GET /dashboard/session", "GET /sagas", "GET /sagas/{id}",
            ],
            .ordersWrite: ["POST /orders", "POST /orders/batch", "POST /orders/{id}/cancel"],
            .ordersRead: [
                "GET /orders", "GET /orders/{id}", "GET /orders/{id}/stream", "GET /orders/{id}/events",
                "GET /orders/{id}/saga", "GET /batches/{id}", "GET /batches/{id}/stream",
                "GET /graphql", "POST /graphql",
            ],
            .usersWrite: ["POST /users", "POST /accounts"],
            .reportsRead: ["GET /invoices", "GET /sales", "GET /customers", "GET /customers/{userId}"],
            .webhooksWrite: [
                "POST /webhooks", "PATCH /webhooks/{id}", "DELETE /webhooks/{id}", "POST /webhooks/{id}/rotate-secret",
                "POST /webhooks/{id}/pause", "POST /webhooks/{id}/resume", "POST /webhooks/{id}/ping",
                "POST /webhooks/{id}/replay",
            ],
            .webhooksRead: ["GET /webhooks", "GET /webhooks/{id}", "GET /webhooks/{id}/deliveries"],
            .stockWrite: ["POST /stock"],
            .stockRead: ["GET /stock", "GET /stock/{sku}", "POST /quotes"],
        ]
        var found: [Right: Set<String>] = [:]
        var owns: Set<String> = []
        for role in OrderflowApp.services.modules {
            for (route, need) in try needs(of: role) {
                found[need.right, default: []].insert(route)
                if need.isOwnEnough { owns.insert(route) }
            }
        }
        for right in Right.allCases { #expect(found[right] == meant[right], "\(right.rawValue)") }
        // Customers get at their own orders everywhere, and at nothing else.
        #expect(owns == meant[.ordersWrite]?.union(meant[.ordersRead] ?? []))
    }

    /// The document names the scopes that the routes ask for, of which one is enough, and what is answered without.
    @Test func everyOperationNamesItsScopes() throws {
        #expect(document["components"]?["securitySchemes"]?["Bearer"]?["scheme"]?.string == "bearer")
        var needs: [String: RouteNeed] = [:]
        for role in OrderflowApp.services.modules { needs.merge(try self.needs(of: role)) { first, _ in first } }
        for operation in operations {
            let need = try #require(needs[operation.name], "\(operation.name)")
            let scopes = need.scopes.map { [$0.rawValue] }
            let written = operation.value["security"]?.array?.map {
                ($0["Bearer"]?.array ?? []).compactMap(\.string)
            }
            #expect(written == scopes, "\(operation.name)")
            let refusals = operation.value["responses"]
            #expect((refusals?["401"] == nil) == (need.right == .open && operation.name != "POST /dashboard/session"))
            if need.right != .open { #expect(refusals?["403"] != nil, "\(operation.name)") }
        }
    }

    /// What is asked of every request before its route is, and what is said of quotas by those that count.
    @Test func everyOperationNamesWhatIsRefusedBeforeItAndItsQuota() throws {
        var needs: [String: RouteNeed] = [:]
        for role in OrderflowApp.services.modules { needs.merge(try self.needs(of: role)) { first, _ in first } }
        for operation in operations {
            for status in ["400", "408", "413", "414", "417", "421", "429", "431", "500", "503"] {
                #expect(operation.value["responses"]?[status] != nil, "\(operation.name): \(status)")
            }
            let right = try #require(needs[operation.name], "\(operation.name)").right
            let isLimited = right != .open && right != .operate
            for response in operation.value["responses"]?.object?.members ?? []
            where response.name.hasPrefix("2") || response.name == "304" {
                for field in ["RateLimit", "RateLimit-Policy"] {
                    #expect(
                        (response.value["headers"]?[field] != nil) == isLimited,
                        "\(operation.name) \(response.name): \(field)")
                }
            }
        }
        let refusal = document["components"]?["responses"]?["TooManyRequests"]?["headers"]
        #expect(Set(refusal?.object?.members.map(\.name) ?? []) == ["Retry-After", "RateLimit", "RateLimit-Policy"])
    }

    @Test func everyRouteIsDescribedAndNothingElse() throws {
        let described = Set(operations.filter { $0.port == 3000 }.map(\.name))
        #expect(try described == routes(of: .api))
        var all = described
        for role in OrderflowApp.services.modules {
            let own = Set(operations.filter { $0.port == Settings(OrderflowApp.services).port(of: role) }.map(\.name))
            all.formUnion(own)
            let routes = try routes(of: role)
            // What isn't the role's alone is described as the API's.
            #expect(own.isSubset(of: routes) && routes.isSubset(of: own.union(described)), "\(role)")
        }
        #expect(all == Set(operations.map(\.name)))
    }

    /// Whatever a role takes by POST is JSON, and is asked whether it is before anything else.
    @Test func everyPostHasTheGateForBodies() async throws {
        var posts = 0
        for role in OrderflowApp.services.modules {
            let groups = try groups(of: role)
            let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Router(groups))
            let port = try server.start()[0].port
            for route in groups.flatMap(\.endpoints) where route.method == .post {
                posts += 1
                let path = route.pattern.split(separator: "/").map { $0.hasPrefix(":") ? "x" : $0 }
                for type in ["text/plain", "application/x-www-form-urlencoded"] {
                    var request = URLRequest(
                        url: try #require(URL(string: "http://127.0.0.1:\(port)/\(path.joined(separator: "/"))")))
                    request.httpMethod = "POST"
                    request.setValue(type, forHTTPHeaderField: "Content-Type")
                    request.httpBody = Data("{}".utf8)
                    let (_, response) = try await URLSession.shared.data(for: request)
                    #expect((response as? HTTPURLResponse)?.statusCode == 415, "\(route.pattern) \(type)")
                }
            }
            await server.stop(deadline: .zero)
        }
        #expect(posts >= 5)
    }

    /// All routes of all roles, asked without a credential and with one that has every scope but the right one.
    @Test func noRouteAnswersWithoutItsRight() async throws {
        let issuer = TestIssuer()
        let keySet = NSTemporaryDirectory() + "/jwks-\(UUID())"
        try issuer.keySet().write(toFile: keySet, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: keySet) }
        var asked = 0
        for role in OrderflowApp.services.modules {
            var settings = Settings(OrderflowApp.services)
            settings.auth.mode = .required
            settings.auth.jwksFile = keySet
            settings.auth.issuer = TestIssuer.name
            settings.auth.audience = TestIssuer.audience
            let runtime = runtime(of: role, settings)
            let running = try runtime.assemble { try Supervision.running($0, role) }
            let gate = try #require(running.gate)
            let groups = runtime.routes(running)
            let server = HTTPServer(
                HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Router(groups, gate: gate))
            let port = try server.start()[0].port
            for group in groups {
                let need = group.need.right
                let others = Right.scopes.filter { !group.need.scopes.contains($0) && $0 != need.own }
                let token = issuer.token(
                    ["scope": .string(others.map(\.rawValue).joined(separator: " "))],
                    at: Int64(Date().timeIntervalSince1970))
                for route in group.endpoints {
                    let path = route.pattern.split(separator: "/").map { $0.hasPrefix(":") ? "x" : $0 }
                    let url = try #require(URL(string: "http://127.0.0.1:\(port)/\(path.joined(separator: "/"))"))
                    let name = "\(role.name): \(route.method.rawValue) \(route.pattern)"
                    func answer(_ credential: String?) async throws -> HTTPURLResponse {
                        var request = URLRequest(url: url)
                        request.httpMethod = route.method.rawValue
                        if route.method == .post {
                            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
                            request.httpBody = Data("{}".utf8)
                        }
                        if let credential {
                            request.setValue("Bearer \(credential)", forHTTPHeaderField: "Authorization")
                        }
                        return try #require(try await URLSession.shared.data(for: request).1 as? HTTPURLResponse)
                    }
                    let without = try await answer(nil)
                    if need == .open {
                        #expect(![401, 403].contains(without.statusCode), "\(name)")
                        continue
                    }
                    asked += 1
                    #expect(without.statusCode == 401, "\(name)")
                    #expect(without.value(forHTTPHeaderField: "WWW-Authenticate")?.hasPrefix("Bearer") == true)
                    let wrong = try await answer(token)
                    #expect(wrong.statusCode == 403, "\(name)")
                    let missing = wrong.value(forHTTPHeaderField: "WWW-Authenticate") ?? ""
                    #expect(missing.contains("scope=\"\(need.rawValue)\""), "\(name): \(missing)")
                }
            }
            await server.stop(deadline: .zero)
        }
        #expect(asked > 40)
    }

    @Test func itIsServed() throws {
        #expect(OpenAPIRoute().routes.endpoints.map(\.pattern) == ["/openapi.json"])
        #expect(document["openapi"]?.string?.hasPrefix("3.1.") == true)
        let ids = operations.compactMap { $0.value["operationId"]?.string }
        #expect(ids.count == operations.count && Set(ids).count == ids.count)
    }

    /// Parameters of the path are described, and every reference leads somewhere.
    @Test func itIsConsistent() throws {
        let schema = JSONSchema(in: document)
        let text = String(decoding: document.bytes, as: UTF8.self)
        let references = Set(text.matches(of: /"\$ref":"([^"]+)"/).map { String($0.output.1) })
        #expect(references.count > 50)
        for reference in references { #expect(schema.resolve(reference) != nil, "\(reference)") }
        // Security schemes are named by operations, not referred to.
        let components = document["components"]?.object?.members.filter { $0.name != "securitySchemes" }.flatMap {
            kind in
            (kind.value.object?.members ?? []).map { "#/components/\(kind.name)/\($0.name)" }
        }
        #expect(Set(components ?? []).subtracting(references).isEmpty)
        for operation in operations {
            let parameters = (operation.value["parameters"]?.array ?? []).map { resolved($0) }
            let inPath = parameters.filter { $0["in"]?.string == "path" }.compactMap { $0["name"]?.string }
            #expect(
                Set(inPath) == Set(operation.name.matches(of: /\{(\w+)\}/).map { String($0.output.1) }),
                "\(operation.name)")
            #expect((operation.value["responses"]?.object?.members ?? []).contains { $0.name.hasPrefix("2") })
        }
    }

    @Test func examplesAreWhatTheySay() throws {
        let schema = JSONSchema(in: document)
        var checked = 0
        func check(_ content: JSONValue?, _ name: String) {
            for media in content?["content"]?.object?.members ?? [] {
                guard let rule = media.value["schema"] else { continue }
                let examples = [media.value["example"]].compactMap { $0 }
                for example in examples {
                    checked += 1
                    #expect(schema.flaws(of: example, by: rule).isEmpty, "\(name)")
                }
            }
        }
        for operation in operations {
            check(operation.value["requestBody"], operation.name)
            for response in operation.value["responses"]?.object?.members ?? [] {
                check(resolved(response.value), "\(operation.name) \(response.name)")
            }
        }
        #expect(checked > 100)
    }

    private func resolved(_ value: JSONValue) -> JSONValue {
        value["$ref"]?.string.flatMap { JSONSchema(in: document).resolve($0) } ?? value
    }
}
