import JSON
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

/// GraphQL over server-sent events, in distinct connections.
@Suite(.blocking, .servers) struct GraphQLStreamTests {
    private func open(_ side: GraphQLSide, _ query: String) throws -> WireClient {
        let client = try side.client()
        let body: JSONValue = ["query": .string(query)]
        try client.send("POST", "/graphql", ["Accept": "text/event-stream"], body: body.description)
        let head = try client.receive(until: "\r\n\r\n")
        #expect(head.contains(" 200 ") && head.contains("text/event-stream"), "\(head)")
        return client
    }

    private func event(_ client: WireClient) throws -> (name: String?, data: JSONValue) {
        var fields: [String: String] = [:]
        for line in try client.receive(until: "\n\n").split(separator: "\n") {
            let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return (fields["event"], try JSONValue(parsing: fields["data"] ?? "null"))
    }

    @Test func changesOfAnOrderAreTold() async throws {
        try await GraphQLSide.run { side in
            try side.project([created()])
            let query = #"subscription { orderChanged(id: "o-1") { id status version customer { orderCount } } }"#
            var client: WireClient? = try open(side, query)
            let first = try event(client!)
            #expect(first.name == "next" && first.data["data"]?["orderChanged"]?["status"] == "pending")
            #expect(first.data["data"]?["orderChanged"]?["customer"]?["orderCount"] == 1)
            try side.project([confirmed()])
            let second = try event(client!)
            #expect(second.data["data"]?["orderChanged"]?["status"] == "confirmed", "\(second.data)")
            #expect(side.watch.census.streams == 1)
            client = nil
            try eventually("the stream is gone") { side.watch.census.streams == 0 }
        }
    }

    @Test func otherOperationsAndErrorsComeAsEvents() async throws {
        try await GraphQLSide.run { side in
            for (query, hasData) in [
                ("{ __typename }", true), ("{ nothing }", false), ("subscription { nothing }", false),
            ] {
                let client = try open(side, query)
                let next = try event(client)
                #expect(next.name == "next" && (next.data["data"] != nil) == hasData, "\(query)")
                #expect((next.data["errors"] != nil) != hasData, "\(query)")
                #expect(try event(client).name == "complete", "\(query)")
            }
            let other = try side.post(#"subscription { orderChanged(id: "o-1") { id } }"#)
            #expect(other.status == 406 && other.body.contains("text/event-stream"))
            let refused = try side.client()
            try refused.send(
                "POST", "/graphql",
                GraphQLSide.caller("a", "stock:read").merging(["Accept": "text/event-stream"]) { $1 },
                body: #"{"query":"subscription { orderChanged(id: \"o-1\") { id } }"}"#)
            _ = try refused.receive(until: "\r\n\r\n")
            let next = try event(refused)
            #expect(next.data["errors"]?[0]?["extensions"]?["code"] == "FORBIDDEN", "\(next.data)")
            #expect(try event(refused).name == "complete")
        }
    }

    @Test func aStreamMayComeBeforeItsOrder() async throws {
        try await GraphQLSide.run { side in
            let client = try open(side, #"subscription { orderChanged(id: "o-1") { id } }"#)
            try eventually("the request waits") { side.watch.census.waits == 1 }
            try side.project([created()])
            #expect(try event(client).data["data"]?["orderChanged"]?["id"] == "o-1")
        }
    }
}
