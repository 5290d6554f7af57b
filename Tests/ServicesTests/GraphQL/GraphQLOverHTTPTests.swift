import HTTPServer
import JSON
import Outbound
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

/// GraphQL over HTTP: methods, media types, status codes, persisted queries, limits.
@Suite(.blocking, .servers) struct GraphQLOverHTTPTests {
    private static let response = "application/graphql-response+json"

    private static func target(_ items: [(String, String)]) -> String {
        "/graphql?" + items.map { "\($0.0)=\(URLPath.segment($0.1))" }.joined(separator: "&")
    }

    @Test func queriesComeByGetToo() async throws {
        try await GraphQLSide.run { side in
            try side.project([created("o-1")])
            let answer = try side.get(
                Self.target([
                    ("query", "query A { __typename } query B($id: ID!) { order(id: $id) { id } }"),
                    ("operationName", "B"), ("variables", #"{"id":"o-1"}"#), ("extensions", ""),
                ]))
            #expect(answer.status == 200 && answer.body == #"{"data":{"order":{"id":"o-1"}}}"#, "\(answer.body)")
            #expect(answer.header("Content-Type") == Self.response + "; charset=utf-8")
            #expect(answer.header("Vary") == "Accept")
            let mutation = try side.get(
                Self.target([("query", #"mutation { cancelOrder(id: "o-1") { status } }"#)]))
            #expect(mutation.status == 405 && mutation.header("Allow") == "POST", "\(mutation.body)")
            #expect(mutation.header("Content-Type")?.hasPrefix(Self.response) == true)
            for (items, status) in [
                ([("query", "")], 422), ([("variables", "{}")], 422), ([("query", "{ x"), ("variables", "{")], 400),
                ([("query", "{ __typename }"), ("variables", "[1]")], 422),
            ] { #expect(try side.get(Self.target(items)).status == status, "\(items)") }
        }
    }

    @Test func whatIsAcceptedDecidesTypeAndStatus() async throws {
        try await GraphQLSide.run(page: GraphQLPage(showsSchema: true)) { side in
            let good = "{ __typename }"
            let bad = "{ nothing }"
            let table: [(accept: String?, query: String, status: Int, type: String)] = [
                (nil, good, 200, Self.response), ("*/*", good, 200, Self.response),
                ("application/*", bad, 422, Self.response), (Self.response, bad, 422, Self.response),
                (Self.response, "query A { __typename } query B { __typename }", 422, Self.response),
                (Self.response, "query($id: ID!) { order(id: $id) { id } }", 422, Self.response),
                (Self.response, "{ nothing ", 400, Self.response),
                ("application/json", good, 200, "application/json"), ("application/json", bad, 200, "application/json"),
                ("application/json, \(Self.response);q=0.5", bad, 200, "application/json"),
                ("application/json;q=0.9, \(Self.response)", "{", 400, Self.response),
                ("text/html", good, 406, "application/problem+json"),
                ("\(Self.response);q=0", good, 406, "application/problem+json"),
            ]
            for (accept, query, status, type) in table {
                let answer = try side.post(query, [:], accept.map { ["Accept": $0] } ?? [:])
                #expect(answer.status == status, "\(accept ?? "-") \(query): \(answer.body)")
                #expect(answer.header("Content-Type")?.hasPrefix(type) == true, "\(accept ?? "-") \(query)")
                if type != "application/problem+json" {
                    let json = try JSONValue(parsing: answer.body)
                    #expect((json["data"] != nil) == (query == good) && (json["errors"] != nil) == (query != good))
                }
            }
            let client = try side.client()
            for (body, status) in [("{", 400), ("[]", 422), (#"{"query":7}"#, 422), (#"{"qeury":"{a}"}"#, 422)] {
                try client.send("POST", "/graphql", body: body)
                #expect(try client.answer().status == status, "\(body)")
            }
            // A browser is shown the page, and gets its parts from the same process.
            let page = try side.get("/graphql", ["Accept": "text/html,application/xhtml+xml,*/*;q=0.8"])
            #expect(page.status == 200 && page.header("Content-Type")?.hasPrefix("text/html") == true)
            #expect(page.header("Content-Security-Policy")?.contains("script-src 'self'") == true)
            #expect(try side.get("/graphql/page.js").status == 200)
            #expect(try side.get("/graphql/schema.graphql").body == ShopSchema.text)
            #expect(try side.get("/graphql/none").status == 404)
        }
    }

    @Test func queriesAreFoundByTheirHash() async throws {
        try await GraphQLSide.run { side in
            let query = "{ __typename }"
            let hash = DocumentCache.hash(of: query)
            func ask(_ members: [(String, JSONValue)]) throws -> JSONValue {
                var body: JSONObject = ["extensions": ["persistedQuery": ["version": 1, "sha256Hash": .string(hash)]]]
                for (name, value) in members { body[name] = value }
                let client = try side.client()
                try client.send("POST", "/graphql", body: JSONValue.object(body).description)
                return try JSONValue(parsing: client.answer().body)
            }
            let unknown = try ask([])
            #expect(unknown["errors"]?[0]?["message"] == "PersistedQueryNotFound")
            #expect(unknown["errors"]?[0]?["extensions"]?["code"] == "PERSISTED_QUERY_NOT_FOUND")
            let mistaken = try ask([("query", "{ a: __typename }")])
            #expect(mistaken["errors"]?[0]?["extensions"]?["code"] == "PERSISTED_QUERY_HASH_MISMATCH")
            #expect(try ask([("query", .string(query))])["data"]?["__typename"] == "Query")
            #expect(try ask([])["data"]?["__typename"] == "Query")
            let get = try side.get(
                Self.target([("extensions", #"{"persistedQuery":{"version":1,"sha256Hash":"\#(hash)"}}"#)]))
            #expect(get.status == 200, "\(get.body)")
            let none = String(repeating: "0", count: 64)
            let lost = try side.get(
                Self.target([("extensions", #"{"persistedQuery":{"version":1,"sha256Hash":"\#(none)"}}"#)]))
            #expect(lost.status == 400 && lost.body.contains("PersistedQueryNotFound"), "\(lost.body)")
        }
    }

    @Test func askingForTooMuchIsRefused() async throws {
        var settings = GraphQLSettings()
        settings.depth = 5
        settings.cost = 100
        settings.introspection = .off
        settings.rootFields = 3
        settings.aliases = 2
        settings.tokens = 60
        try await GraphQLSide.run(settings: settings) { [settings] side in
            let table: [(query: String, status: Int, word: String)] = [
                ("{ orders(first: 50) { edges { node { customer { spend { total } } } } } }", 422, "epth"),
                ("{ orders(first: 100) { edges { node { id } } } }", 422, "100"),
                ("{ __schema { queryType { name } } }", 422, "ntrospection"),
                ("{ a: __typename b: __typename c: __typename }", 422, "2"),
                // Its end isn't looked for.
                ("{ " + String(repeating: "__typename ", count: 61) + "}", 400, "60"),
            ]
            for (query, status, word) in table {
                let answer = try side.post(query)
                #expect(answer.status == status && answer.body.contains(word), "\(query): \(answer.body)")
                #expect(try JSONValue(parsing: answer.body)["data"] == nil)
            }
            #expect(try side.post("{ orders(first: 5) { edges { node { id } } } }").status == 200)
            let long = "{ " + String(repeating: " ", count: settings.requestLimit) + "__typename }"
            #expect(try side.post(long).status == 413)
        }
    }
}
