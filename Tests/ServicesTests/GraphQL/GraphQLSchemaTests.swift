import GraphQL
import HTTPServer
import JSON
import Testing

@testable import OrderflowKit
@testable import Query

/// The schema, and what is decided without a server.
@Suite struct GraphQLSchemaTests {
    private func schema() throws -> Schema { try Schema(ShopSchema.text, scalars: SchemaPart.coercions) }

    /// Each field that needs a resolver has one, and each resolver a field; what is printed is the same schema.
    @Test func textAndResolversBelongTogether() throws {
        let schema = try schema()
        _ = try Executor(schema: schema, resolvers: ShopSchema.resolvers)
        let printed = schema.printed
        #expect(try Schema(printed).printed == printed)
        #expect(schema.mutationType == "Mutation" && schema.subscriptionType == "Subscription")
    }

    /// What isn't JSON's own type is checked on its way in.
    @Test func scalarsAreChecked() throws {
        let schema = try schema()
        let table: [(query: String, isGood: Bool)] = [
            (#"{ orders(filter: {from: "2026-01-01T00:00:00Z"}) { edges { cursor } } }"#, true),
            (#"{ orders(filter: {from: "yesterday"}) { edges { cursor } } }"#, false),
            (#"{ sales(from: "2026-01-01", to: "2026-02-01") { from } }"#, true),
            (#"{ sales(from: "2026-13-01", to: "2026-02-01") { from } }"#, false),
            (#"{ sales(from: 1, to: "2026-02-01") { from } }"#, false),
            (#"mutation { placeOrder(input: {userId: "a", items: [], total: 49.99}) { replayed } }"#, true),
            (#"mutation { placeOrder(input: {userId: "a", items: [], total: "49.99"}) { replayed } }"#, true),
            (#"mutation { placeOrder(input: {userId: "a", items: [], total: true}) { replayed } }"#, false),
            ("{ orders(filter: {status: lost}) { edges { cursor } } }", false),
        ]
        for (query, isGood) in table {
            let isTaken = (try? schema.prepare(query, limits: DocumentLimits())) != nil
            #expect(isTaken == isGood, "\(query)")
        }
    }

    /// However many are asked for, what is kept is bounded, and what is in use stays.
    @Test func keptDocumentsAreBounded() throws {
        let schema = try schema()
        func document(_ number: Int) throws -> (PreparedDocument, String) {
            let text = "{ a\(number): __typename }"
            return (try schema.prepare(text, limits: DocumentLimits()), DocumentCache.hash(of: text))
        }
        let cache = DocumentCache(capacity: 10)
        let (used, hash) = try document(0)
        cache.keep(used, hash)
        var kept = 0
        for number in 1...100 {
            let (other, name) = try document(number)
            cache.keep(other, name)
            #expect(cache.document(hash) != nil, "\(number)")
        }
        for number in 0...100 where cache.document(try document(number).1) != nil { kept += 1 }
        #expect((5...10).contains(kept), "\(kept)")
        let small = DocumentCache(capacity: 1_000, bytes: 100)
        for number in 1...50 {
            let (other, name) = try document(number)
            small.keep(other, name)
        }
        #expect(small.document(hash) == nil)
        #expect(try (1...50).filter { small.document(try document($0).1) != nil }.count < 10)
    }
}
