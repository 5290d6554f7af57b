import HTTPServer
import JSON
import Messaging
import Orders
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

@Suite(.blocking, .servers) struct GraphQLQueryTests {
    private static let january: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z

    /// `count` confirmed orders, each of a customer of its own.
    private static func orders(_ count: Int) -> [InboundMessage] {
        (0..<count).flatMap { number in
            let id = "o-\(number)"
            let user = "user-\(number)"
            let at = january + Int64(number) * 1_000_000
            return [created(id, by: user, at: at), confirmed(id, by: user, at: at + 500_000)]
        }
    }

    @Test func aCustomersOrdersTakeOneRequest() async throws {
        try await GraphQLSide.run { side in
            try side.project([
                created("o-1", at: Self.january), confirmed("o-1", at: Self.january + 1),
                heard(.shipmentCreated(shipmentID: "s-1"), of: "o-1", at: Self.january + 2),
                created("o-2", at: Self.january + 3, cents: 7), created("o-3", by: "bob", at: Self.january + 4),
            ])
            let answer = try side.ask(
                """
                query Page($user: String!) {
                  customer(userId: $user) {
                    userId orderCount confirmedCount spend { total currency }
                    orders(first: 10) {
                      edges { node { ...Line shipment { shipmentId } timeline { type } } }
                      pageInfo { hasNextPage }
                    }
                  }
                }
                fragment Line on Order { id total currency status items { sku qty } createdAt }
                """, ["user": "alice"])
            #expect(
                try answer
                    == JSONValue(
                        parsing: """
                            {"data":{"customer":{"userId":"alice","orderCount":2,"confirmedCount":1,
                            "spend":[{"total":"49.99","currency":"USD"}],"orders":{"edges":[
                            {"node":{"id":"o-2","total":"0.07","currency":"USD","status":"pending",
                              "items":[{"sku":"ABC","qty":2}],"createdAt":"2026-01-01T00:00:00.000003Z","shipment":null,
                              "timeline":[{"type":"OrderCreated"}]}},
                            {"node":{"id":"o-1","total":"49.99","currency":"USD","status":"confirmed",
                              "items":[{"sku":"ABC","qty":2}],"createdAt":"2026-01-01T00:00:00.000000Z",
                              "shipment":{"shipmentId":"s-1"},
                              "timeline":[{"type":"OrderCreated"},{"type":"OrderConfirmed"},{"type":"ShipmentCreated"}]}}
                            ],"pageInfo":{"hasNextPage":false}}}}}
                            """), "\(answer)")
        }
    }

    @Test func listsAreNarrowedAndGoOn() async throws {
        try await GraphQLSide.run { side in
            try side.project(Self.orders(5) + [created("late", by: "user-0", at: Self.january + 9_000_000)])
            let query = """
                query($after: String, $filter: OrderFilter) {
                  orders(first: 2, after: $after, filter: $filter) {
                    edges { cursor node { id } } pageInfo { hasNextPage endCursor }
                  }
                }
                """
            var seen: [String] = []
            var after: JSONValue = .null
            repeat {
                let page = try #require(try side.ask(query, ["after": after])["data"]?["orders"])
                let edges = try #require(page["edges"]?.array)
                seen += edges.compactMap { $0["node"]?["id"]?.string }
                #expect(edges.last?["cursor"] == page["pageInfo"]?["endCursor"])
                after = page["pageInfo"]?["hasNextPage"] == true ? page["pageInfo"]?["endCursor"] ?? .null : .null
            } while !after.isNull
            #expect(seen == ["late", "o-4", "o-3", "o-2", "o-1", "o-0"])
            func ids(_ filter: JSONValue) throws -> [String] {
                let page = try side.ask(query, ["filter": filter])["data"]?["orders"]?["edges"]?.array
                return (page ?? []).compactMap { $0["node"]?["id"]?.string }
            }
            #expect(try ids(["userId": "user-0"]) == ["late", "o-0"])
            #expect(try ids(["userId": "user-0", "status": "confirmed"]) == ["o-0"])
            #expect(try ids(["to": "2026-01-01T00:00:01Z"]) == ["o-0"])
            #expect(try ids(["from": "2026-01-01T00:00:04Z", "status": "pending"]) == ["late"])
            let wrong = try side.ask("{ orders(first: 201) { edges { cursor } } }")
            #expect(wrong["data"]?["orders"]?.isNull == true)
            #expect(wrong["errors"]?[0]?["extensions"]?["code"] == "BAD_REQUEST", "\(wrong)")
            let made = try side.ask(query, ["after": "made-up"])
            #expect(made["errors"]?[0]?["message"]?.string?.contains("after") == true, "\(made)")
        }
    }

    /// Fifty orders with customer, invoice and their lists cost as many statements as one.
    @Test func statementsDoNotGrowWithOrders() async throws {
        let counter = try ExchangeCounter(to: PostgresServer.shared.get())
        defer { counter.stop() }
        try await GraphQLSide.run(through: counter) { side in
            try side.project(Self.orders(50))
            let query = """
                query($first: Int!) {
                  orders(first: $first) {
                    edges { node {
                      id items { sku }
                      customer { userId orderCount orders(first: 1) { edges { node { id status } } } }
                      invoice { totals { total } orders(first: 1) { edges { node { orderId total items { sku } } } } }
                    } }
                  }
                }
                """
            func cost(_ first: Int) throws -> Int {
                let answer = Holder()
                let exchanges = try counter.exchanges {
                    answer.value = try side.ask(query, ["first": .number(JSONNumber(Int64(first)))])
                }
                #expect(answer.value["errors"] == nil, "\(answer.value)")
                let edges = answer.value["data"]?["orders"]?["edges"]?.array ?? []
                #expect(edges.count == first)
                for edge in edges {
                    let node = edge["node"]
                    let own = node?["customer"]?["orders"]?["edges"]?[0]?["node"]?["id"]
                    #expect(own == node?["id"] && own != nil)
                    #expect(node?["invoice"]?["orders"]?["edges"]?[0]?["node"]?["orderId"] == node?["id"])
                    #expect(node?["invoice"]?["totals"]?[0]?["total"] == "49.99")
                }
                return exchanges
            }
            // Each connection of the pool has to be made and told its statements.
            for _ in 0..<3 { _ = try cost(1) }
            let one = try cost(1)
            #expect(one > 0)
            #expect(try cost(50) == one)
        }
    }

    /// What a lookup's name promises holds for the other roots too.
    @Test func whatIsNotThereIsNull() async throws {
        try await GraphQLSide.run { side in
            try side.project([created("o-1", at: Self.january), confirmed("o-1", at: Self.january + 1)])
            let answer = try side.ask(
                """
                { order(id: "none") { id } there: order(id: "o-1") { id version updatedAt notifications { kind } }
                  customer(userId: "none") { userId } invoice(userId: "none", year: 2026, month: 1) { name }
                  own: invoice(userId: "alice", year: 2026, month: 1) { month totals { total } }
                  sales(from: "2026-01-01", to: "2026-01-02") { articles { sku qty } revenue { total } endCursor } }
                """)
            #expect(
                try answer
                    == JSONValue(
                        parsing: """
                            {"data":{"order":null,"there":{"id":"o-1","version":2,
                            "updatedAt":"2026-01-01T00:00:00.000001Z","notifications":[]},"customer":null,"invoice":null,
                            "own":{"month":1,"totals":[{"total":"49.99"}]},
                            "sales":{"articles":[{"sku":"ABC","qty":2}],"revenue":[{"total":"49.99"}],"endCursor":null}}}
                            """), "\(answer)")
        }
    }

    /// A role that is away nulls its field, with an error that says so; the rest is answered.
    @Test func aRoleThatIsAwayNullsItsField() async throws {
        let links = ShopLinks(
            saga: RoleLink("saga", url: "http://127.0.0.1:1", deadline: .seconds(2), logger: quiet), inventory: nil,
            service: [])
        try await GraphQLSide.run(links: links) { side in
            try side.project([created("o-1"), created("o-2", at: 2)])
            let answer = try side.ask(
                #"{ orders { edges { node { id saga { status } events { type } } } } stock(sku: "ABC") { onHand } }"#)
            let nodes = answer["data"]?["orders"]?["edges"]?.array?.compactMap { $0["node"] } ?? []
            #expect(nodes.map { $0["id"] } == ["o-1", "o-2"] && nodes.allSatisfy { $0["saga"]?.isNull == true })
            #expect(nodes.allSatisfy { $0["events"]?.isNull == true })
            #expect(answer["data"]?["stock"]?.isNull == true)
            let errors = answer["errors"]?.array ?? []
            #expect(errors.count == 5, "\(answer)")
            #expect(errors.allSatisfy { $0["extensions"]?["code"] == "UNAVAILABLE" }, "\(answer)")
            #expect(errors.contains { $0["path"] == ["orders", "edges", 1, "node", "saga"] }, "\(answer)")
        }
    }
}

private final class Holder {
    var value: JSONValue = .null
}
