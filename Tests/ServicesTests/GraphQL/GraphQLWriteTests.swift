import Execution
import HTTPServer
import JSON
import Kafka
import Messaging
import TestServers
import Testing

@testable import OrderAPI
@testable import OrderflowKit
@testable import Query

/// Mutations answer as the routes do that they are: in the API's own process, and by way of another role.
@Suite(.blocking, .servers) struct GraphQLWriteTests {
    private static let place = """
        mutation Place($input: PlaceOrderInput!, $key: String) {
          placeOrder(input: $input, idempotencyKey: $key) {
            replayed order { id userId total currency status version revision items { sku qty } timeline { type } }
          }
        }
        """
    private static let input: JSONValue = [
        "userId": "alice", "items": [["sku": "ABC", "qty": 2]], "total": "49.99", "email": .null,
    ]

    /// As both kinds of roles answer: `body` gets a side that does it itself, and one that sends it on.
    private func eachWay(_ body: @escaping @Sendable (GraphQLSide) throws -> Void) async throws {
        let orders = try OrderSide()
        let service = orders.start()
        let routes = OrderRoutes(service, logger: quiet).routes + [UserRoutes(service).routes]
        let writer = service.writer
        let own = GraphQLBackend(
            writes: OwnWrites(
                service: service, orders: OrderRoutes(service, logger: quiet), users: UserRoutes(service)),
            histories: OwnHistories(database: service.database))
        try await serving(
            Router(routes, gate: GraphQLSide.NamedCaller()),
            with: [ThreadGroup.Part("event-writer") { writer.run(until: $0) }]
        ) { port in
            try await GraphQLSide.run(backend: own, body)
            let api = RoleLink("api", url: "http://127.0.0.1:\(port)", deadline: .seconds(5), logger: quiet)
            let stop = StopSignal()
            let threads = DedicatedThread.start("link") { try? ThreadGroup.run(api.parts, until: stop) }
            try await GraphQLSide.run(
                backend: GraphQLBackend(
                    writes: ForwardedWrites(api: api), histories: ForwardedHistories(api: api)), body)
            stop.stop()
            _ = try await DedicatedThread.run("join") { threads.join(timeout: .seconds(10)) }
        }
    }

    @Test func anOrderIsPlacedOnce() async throws {
        let round = Monitor(0)
        try await eachWay { side in
            let key = round.withLock { round -> JSONValue in
                round += 1
                return .string("cart-\(round)")
            }
            let first = try side.ask(Self.place, ["input": Self.input, "key": key])
            let payload = try #require(first["data"]?["placeOrder"], "\(first)")
            #expect(first["errors"] == nil && payload["replayed"] == false, "\(first)")
            let order = try #require(payload["order"])
            #expect(order["total"] == "49.99" && order["currency"] == "USD" && order["status"] == "pending")
            #expect(order["version"] == 1 && order["timeline"] == [] && order["items"]?[0]?["qty"] == 2)
            let again = try side.ask(Self.place, ["input": Self.input, "key": key])
            #expect(again["data"]?["placeOrder"]?["replayed"] == true, "\(again)")
            #expect(again["data"]?["placeOrder"]?["order"] == order)
            // The header is the key of who gives none.
            let header = try side.ask(Self.place, ["input": Self.input], ["Idempotency-Key": key.description])
            #expect(header["data"]?["placeOrder"]?["order"]?["id"] == order["id"], "\(header)")
            var other = Self.input.object ?? JSONObject()
            other["total"] = 50
            let reused = try side.ask(Self.place, ["input": .object(other), "key": key])
            #expect(reused["data"]?["placeOrder"]?.isNull == true)
            #expect(reused["errors"]?[0]?["extensions"]?["status"] == 422, "\(reused)")
            #expect(reused["errors"]?[0]?["extensions"]?["title"] == "Idempotency-Key reused")
            let id = try #require(order["id"]?.string)
            let cancel = try side.ask(
                #"mutation($id: ID!) { cancelOrder(id: $id, reason: "too late") { orderId status reason version order { id } } }"#,
                ["id": .string(id)])
            #expect(
                cancel["data"]?["cancelOrder"] == [
                    "orderId": .string(id), "status": "cancelling", "reason": "too late", "version": 2, "order": .null,
                ], "\(cancel)")
            // As the projection will have it, with its history from the event store.
            try side.project([created(id)])
            let events =
                try side.ask(
                    "query($id: ID!) { order(id: $id) { events { version type payload audit { tenant } } } }",
                    ["id": .string(id)])["data"]?["order"]?["events"]?.array ?? []
            #expect(events.map { $0["type"] } == ["OrderCreated", "OrderCancellationRequested"])
            #expect(
                events.first?["payload"]?["orderId"] == .string(id) && events.first?["audit"]?["tenant"] == "default")
        }
    }

    @Test func whatIsWrongIsSaidAsTheRouteSaysIt() async throws {
        try await eachWay { side in
            var wrong = Self.input.object ?? JSONObject()
            wrong["total"] = "1.999"
            let answer = try side.ask(Self.place, ["input": .object(wrong)])
            let error = answer["errors"]?[0]?["extensions"]
            #expect(error?["code"] == "UNPROCESSABLE_CONTENT" && error?["pointer"] == "/total", "\(answer)")
            #expect(error?["title"] == "Invalid order" && error?["errors"]?[0]?["pointer"] == "/total")
            let missing = try side.ask(#"mutation { cancelOrder(id: "none") { status } }"#)
            #expect(missing["errors"]?[0]?["extensions"]?["code"] == "NOT_FOUND", "\(missing)")
            #expect(missing["errors"]?[0]?["message"] == "there is no order none")
            let foreign = try side.ask(
                Self.place, ["input": Self.input], GraphQLSide.caller("bob", "orders:write:own"))
            #expect(foreign["errors"]?[0]?["extensions"]?["code"] == "FORBIDDEN", "\(foreign)")
            let user = try side.ask(
                #"mutation { createUser(input: {name: "A", email: "a@example.com"}) { replayed } }"#, [:],
                GraphQLSide.caller("bob", "orders:write"))
            #expect(user["errors"]?[0]?["extensions"]?["code"] == "FORBIDDEN", "\(user)")
        }
    }

    @Test func usersAreCreated() async throws {
        let round = Monitor(0)
        try await eachWay { side in
            let user = round.withLock { round -> String in
                round += 1
                return "carol-\(round)"
            }
            let query = """
                mutation($id: String!) {
                  createUser(input: {userId: $id, name: "Carol", email: "carol@example.com"}) {
                    replayed user { userId name email createdAt }
                  }
                }
                """
            let first = try side.ask(query, ["id": .string(user)])
            #expect(first["data"]?["createUser"]?["user"]?["userId"] == .string(user), "\(first)")
            let again = try side.ask(query, ["id": .string(user)])
            #expect(again["errors"]?[0]?["extensions"]?["code"] == "CONFLICT", "\(again)")
        }
    }
}
