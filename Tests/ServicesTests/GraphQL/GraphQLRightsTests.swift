import JSON
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

/// Each field asks for the right that its route asks for.
@Suite(.blocking, .servers) struct GraphQLRightsTests {
    private static let query = """
        { order(id: "o-1") { id customer { userId } invoice { year } }
          orders { edges { node { id } } }
          customer(userId: "alice") { userId orders { edges { node { id } } } }
          invoice(userId: "alice", year: 2026, month: 1) { year }
          sales(from: "2026-01-01", to: "2026-01-01") { from }
          stock(sku: "ABC") { sku } }
        """

    /// The paths of errors, by their codes.
    private static func refused(_ answer: JSONValue) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for error in answer["errors"]?.array ?? [] {
            let path = (error["path"]?.array ?? []).map { $0.string ?? $0.description }.joined(separator: ".")
            found[error["extensions"]?["code"]?.string ?? "?", default: []].append(path)
        }
        return found.mapValues { $0.sorted() }
    }

    @Test func eachFieldAsksForItsOwn() async throws {
        try await GraphQLSide.run { side in
            try side.project([created("o-1"), confirmed("o-1"), created("o-2", by: "bob")])
            let reader = try side.ask(Self.query, [:], GraphQLSide.caller("clerk", "orders:read"))
            #expect(
                Self.refused(reader) == [
                    "FORBIDDEN": ["customer", "invoice", "order.customer", "order.invoice", "sales", "stock"]
                ])
            #expect(reader["data"]?["order"]?["id"] == "o-1")
            #expect(reader["data"]?["orders"]?["edges"]?.array?.count == 2)

            let reports = try side.ask(Self.query, [:], GraphQLSide.caller("clerk", "reports:read"))
            #expect(Self.refused(reports) == ["FORBIDDEN": ["customer.orders", "order", "orders", "stock"]])
            #expect(reports["data"]?["customer"]?["userId"] == "alice")

            let own = try side.ask(
                #"{ order(id: "o-1") { id } other: order(id: "o-2") { id } orders { edges { node { id } } } }"#, [:],
                GraphQLSide.caller("alice", "orders:read:own"))
            #expect(own["errors"] == nil && own["data"]?["order"]?["id"] == "o-1", "\(own)")
            #expect(own["data"]?["other"]?.isNull == true)
            #expect(own["data"]?["orders"]?["edges"]?.array?.count == 1)
            let foreign = try side.ask(
                #"{ orders(filter: {userId: "bob"}) { edges { node { id } } } }"#, [:],
                GraphQLSide.caller("alice", "orders:read:own"))
            #expect(Self.refused(foreign) == ["FORBIDDEN": ["orders"]])

            // Nobody gets in without a right that is good for something here.
            #expect(try side.post("{ __typename }", [:], GraphQLSide.caller("op", "operate")).status == 403)
            let writer = try side.ask(Self.query, [:], GraphQLSide.caller("shop", "users:write"))
            #expect(writer["data"]?.object?.members.allSatisfy { $0.value.isNull } == true)
        }
    }

    @Test func aTenantSeesItsOwn() async throws {
        try await GraphQLSide.run { side in
            try side.project([created("o-1"), created("o-2", tenant: "acme")])
            let query = "{ orders { edges { node { id } } } }"
            func ids(_ headers: [String: String]) throws -> [JSONValue?] {
                let answer = try side.ask(query, [:], headers)
                return (answer["data"]?["orders"]?["edges"]?.array ?? []).map { $0["node"]?["id"] }
            }
            #expect(try ids([:]) == ["o-1"])
            #expect(try ids(["X-Tenant-Id": "acme"]) == ["o-2"])
        }
    }
}
