import GraphQL
import JSON
import Synchronization
import TestServers
import Testing

/// What a test's resolvers did.
final class Journal: Sendable {
    private let lines = Mutex<[String]>([])

    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var noted: [String] { lines.withLock { $0 } }
}

/// How many are inside.
final class Gauge: Sendable {
    private let state = Mutex((inside: 0, most: 0))

    func enter() { state.withLock { state in state = (state.inside + 1, max(state.most, state.inside + 1)) } }
    func leave() { state.withLock { $0.inside -= 1 } }
    var most: Int { state.withLock { $0.most } }
}

@Suite struct ExecutionTests {
    struct Order: ObjectValue {
        let id: Int
        var typeName: String? { "Order" }
    }

    struct Customer: ObjectValue { let id: Int }

    private static let schema = try! Schema(
        """
        interface Node { id: ID! }
        type Query { orders(first: Int! = 50): [Order!]! order(id: ID!): Order node: Node slow: Int both: Pair never: Int strict: Int! }
        type Pair { slow: Int! quick: Int }
        type Order implements Node { id: ID! customer: Customer invoice: Invoice lost: Customer broken: Int secret: Int }
        type Customer { id: ID! name: String referrer: Customer }
        type Invoice { total: Int! customer: Customer }
        type Mutation { add(n: Int!): Int fail: Int! }
        type Subscription { ticks(to: Int!): Int bad: Int }
        """)

    private static let customers = Loader<Journal, Int, Customer>("customers") { keys, journal in
        journal.note("customers \(keys.count)")
        await Task.yield()
        return Dictionary(uniqueKeysWithValues: keys.map { ($0, Customer(id: $0)) })
    }

    private static let invoices = Loader<Journal, Int, Order>("invoices", batchLimit: 20) { keys, journal in
        journal.note("invoices \(keys.count)")
        return Dictionary(uniqueKeysWithValues: keys.map { ($0, Order(id: $0)) })
    }

    private static let lost = Loader<Journal, Int, Customer>(
        "lost",
        batch: { keys, journal in
            journal.note("lost \(keys.count)")
            throw FieldError("customers are away", code: "UNAVAILABLE")
        })

    private static let slowly = Loader<Journal, Int, Customer>(
        "slowly", deadline: .milliseconds(20),
        partial: { _, _ in
            try await Task.sleep(for: .seconds(600))
            return [:]
        })

    private static func executor(
        deadline: Duration? = nil, report: @escaping @Sendable (any Error, [PathElement]) -> Void = { _, _ in }
    ) throws -> Executor<Journal> {
        var resolvers = Resolvers<Journal>()
        resolvers.root("Query") { query in
            query.async("orders") { _, call in (1...(call.arguments.int("first") ?? 0)).map { Order(id: $0) } }
            query.field("order") { _, call in Order(id: Int(call.arguments.string("id") ?? "") ?? 0) }
            query.field("node") { _, _ in Order(id: 1) }
            query.async("slow", deadline: .milliseconds(20)) { _, call in
                do {
                    try await Task.sleep(for: .seconds(600))
                } catch {
                    call.context.note("cancelled")
                    throw error
                }
                return 1
            }
            query.field("both") { _, _ in Output.json([:]) }
            query.async("never") { _, _ in
                try await Task.sleep(for: .seconds(600))
                return 1
            }
            query.field("strict") { _, _ in Output.null }
        }
        resolvers.object("Pair", JSONValue.self) { pair in
            pair.field("slow") { _, call in call.load(slowly, 1) { _ in 1 } }
            pair.field("quick") { _, _ in 1 }
        }
        resolvers.object("Order", Order.self) { order in
            order.field("id") { order, _ in order.id }
            order.field("customer") { order, call in call.load(customers, order.id % 10) }
            order.field("invoice") { order, call in call.load(invoices, order.id) }
            order.field("lost") { order, call in call.load(lost, order.id) }
            order.field("broken") { order, _ -> Int in throw CancellationErrorLike(id: order.id) }
            order.field("secret") { _, _ -> Int in
                throw FieldError("Not yours.", code: "FORBIDDEN", extensions: ["scope": "orders:read"])
            }
        }
        resolvers.object("Customer", Customer.self) { customer in
            customer.field("id") { customer, _ in customer.id }
            customer.field("name") { customer, _ in "customer \(customer.id)" }
            customer.field("referrer") { customer, call in call.load(customers, customer.id + 1) }
        }
        resolvers.object("Invoice", Order.self) { invoice in
            invoice.field("total") { invoice, _ in invoice.id == 13 ? nil : invoice.id * 100 }
            invoice.field("customer") { invoice, call in call.load(customers, invoice.id % 10) }
        }
        resolvers.root("Mutation") { mutation in
            mutation.async("add") { _, call in
                call.context.note("begin \(call.arguments.int("n") ?? 0)")
                for _ in 0..<10 { await Task.yield() }
                call.context.note("end \(call.arguments.int("n") ?? 0)")
                return call.arguments.int("n")
            }
            mutation.async("fail") { _, _ -> Int in throw FieldError("no", code: "NO") }
        }
        resolvers.subscription(
            "ticks",
            subscribe: { call in
                let last = call.arguments.int("to") ?? 0
                return AsyncStream<Int> { stream in
                    for tick in 1...last { stream.yield(tick) }
                    stream.finish()
                }
            },
            resolve: { tick, _ in
                if tick == 2 { throw FieldError("two", code: "TWO") }
                return tick
            })
        resolvers.subscription(
            "bad", subscribe: { _ -> AsyncStream<Int> in throw FieldError("no stream", code: "GONE") },
            resolve: { tick, _ in tick })
        var options = ExecutionOptions()
        options.deadline = deadline
        options.report = report
        return try Executor(schema: schema, resolvers: resolvers, options: options)
    }

    struct CancellationErrorLike: Error { let id: Int }

    private func run(
        _ text: String, _ journal: Journal = Journal(), deadline: Duration? = nil
    ) async throws -> (response: Response, text: String) {
        let response = await (try Self.executor(deadline: deadline))
            .execute(try Self.schema.prepare(text), context: journal)
        return (response, String(decoding: response.bytes, as: UTF8.self))
    }

    // MARK: Loaders

    @Test(arguments: 1...5)
    func fiftyOrdersTakeAsManyCallsAsOne(_: Int) async throws {
        let journal = Journal()
        let response = try await run("{ orders { id customer { name referrer { name } } } }", journal).response
        #expect(response.errors.isEmpty)
        #expect(response.data?["orders"]?[49]?["customer"]?["name"].map { "\($0)" }?.contains("customer 0") == true)
        // Ten customers, each asked once; of their referrers only the tenth wasn't known.
        #expect(journal.noted == ["customers 10", "customers 1"])
    }

    @Test func differentFieldsShareALoaderAndBatchesHaveALimit() async throws {
        let journal = Journal()
        _ = try await run(
            "{ orders(first: 45) { customer { id } invoice { customer { id } } again: customer { id } } }", journal)
        #expect(journal.noted.sorted() == ["customers 10", "invoices 20", "invoices 20", "invoices 5"])
    }

    @Test func aLoaderThatFailsNullsItsFieldsAlone() async throws {
        let (response, text) = try await run("{ orders(first: 2) { id lost { id } } }")
        #expect(text.contains(#""data":{"orders":[{"id":"1","lost":null},{"id":"2","lost":null}]}"#))
        #expect(response.errors.map(\.path) == [1, 2].map { [.key("orders"), .index($0 - 1), .key("lost")] })
        #expect(response.errors.allSatisfy { $0.extensions["code"] == "UNAVAILABLE" })
    }

    // MARK: Errors and null

    @Test func nullGoesUpToWhatMayBeNull() async throws {
        let (response, text) = try await run("{ order(id: 13) { id invoice { total customer { id } } } }")
        #expect(text.hasSuffix(#""data":{"order":{"id":"13","invoice":null}}}"#))
        #expect(response.errors.map(\.path) == [[.key("order"), .key("invoice"), .key("total")]])
        #expect(response.errors.first?.message == "Cannot return null for non-nullable field Invoice.total.")
        #expect(try await run("{ strict order(id: 1) { id } }").text.hasSuffix(#""data":null}"#))
    }

    @Test func onlyPresentableErrorsAreShown() async throws {
        let journal = Journal()
        let executor = try Self.executor { error, path in journal.note("\(error) \(path.count)") }
        let response = await executor.execute(
            try Self.schema.prepare("{ order(id: 4) { x: broken secret } }"), context: Journal())
        #expect(response.errors.map(\.message) == ["Internal error", "Not yours."])
        #expect(response.errors[1].extensions == ["code": "FORBIDDEN", "scope": "orders:read"])
        #expect(response.errors[0].locations == [SourceLocation(line: 1, column: 18)])
        #expect(response.errors[0].path == [.key("order"), .key("x")])
        #expect(journal.noted == ["CancellationErrorLike(id: 4) 2"])
    }

    @Test func interfacesTakeTheTypeOfTheirValue() async throws {
        #expect(
            try await run("{ node { __typename id ... on Order { customer { id } } } }").text
                == #"{"data":{"node":{"__typename":"Order","id":"1","customer":{"id":"1"}}}}"#)
    }

    @Test func requestsThatCannotRunHaveNoData() async throws {
        let executor = try Self.executor()
        let document = try Self.schema.prepare("query A { never } query B($id: ID!) { order(id: $id) { id } }")
        for (name, variables) in [(nil, [:]), ("C", [:]), ("B", [:]), ("B", ["id": nil]), ("B", ["id": [1]])]
            as [(String?, JSONObject)]
        {
            let response = await executor.execute(document, operation: name, variables: variables, context: Journal())
            #expect(response.data == nil && response.errors.count == 1)
            #expect(!String(decoding: response.bytes, as: UTF8.self).contains("\"data\""))
        }
        let response = await executor.execute(document, operation: "B", variables: ["id": 5], context: Journal())
        #expect(String(decoding: response.bytes, as: UTF8.self) == #"{"data":{"order":{"id":"5"}}}"#)
    }

    // MARK: Order

    @Test func fieldsOfAMutationComeOneAfterTheOther() async throws {
        let journal = Journal()
        let text = try await run("mutation { a: add(n: 1) b: add(n: 2) c: add(n: 3) }", journal).text
        #expect(text == #"{"data":{"a":1,"b":2,"c":3}}"#)
        #expect(journal.noted == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"])
    }

    @Test func whatFollowsAFailedMutationIsNotBegun() async throws {
        let journal = Journal()
        let (response, text) = try await run("mutation { a: add(n: 1) fail b: add(n: 2) }", journal)
        #expect(text.hasSuffix(#""data":null}"#) && response.errors.count == 1)
        #expect(journal.noted == ["begin 1", "end 1"])
    }

    // MARK: Time

    @Test(.waiting) func aFieldThatIsLateIsNullAndTheRestIsAnswered() async throws {
        let journal = Journal()
        let (response, text) = try await run(
            "{ slow orders(first: 1) { customer { name } } both { quick slow } }", journal)
        #expect(text.hasSuffix(#""data":{"slow":null,"orders":[{"customer":{"name":"customer 1"}}],"both":null}}"#))
        #expect(response.errors.map { $0.extensions["code"] } == ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"])
        #expect(response.errors.contains { $0.message == "No answer within 20 ms." && $0.path == [.key("slow")] })
        #expect(response.errors.contains { $0.path == [.key("both"), .key("slow")] })
    }

    @Test(.waiting) func aRequestThatIsLateAnswersWhatItHas() async throws {
        let (response, text) = try await run("{ order(id: 1) { id } never }", deadline: .milliseconds(20))
        #expect(text.hasSuffix(#""data":{"order":{"id":"1"},"never":null}}"#))
        #expect(response.errors.map { $0.extensions["code"] } == ["DEADLINE_EXCEEDED"])
    }

    @Test func aCancelledRequestEnds() async throws {
        let task = Task { try await run("{ never order(id: 1) { id } }").response }
        task.cancel()
        let response = try await task.value
        #expect(response.errors.contains { $0.extensions["code"] == "CANCELLED" })
    }

    /// Three hundred fields wait, a few at a time.
    @Test func resolversThatWaitAreBounded() async throws {
        let journal = Journal()
        let fields = (0..<300).map { "f\($0): add(n: \($0))" }.joined(separator: " ")
        let schema = try Schema("type Query { add(n: Int!): Int! }")
        var resolvers = Resolvers<Journal>()
        let gauge = Gauge()
        resolvers.root("Query") { query in
            query.async("add") { _, call in
                gauge.enter()
                for _ in 0..<5 { await Task.yield() }
                gauge.leave()
                return call.arguments.int("n")
            }
        }
        var options = ExecutionOptions()
        options.concurrency = 7
        let executor = try Executor(schema: schema, resolvers: resolvers, options: options)
        var limits = DocumentLimits()
        (limits.rootFields, limits.aliases) = (300, 300)
        let response = await executor.execute(try schema.prepare("{ \(fields) }", limits: limits), context: journal)
        #expect(response.errors.isEmpty && response.data?["f299"].map { "\($0)" }?.contains("299") == true)
        #expect(gauge.most <= 7 && gauge.most > 0)
    }

    // MARK: Subscriptions

    @Test func eachEventIsAResponse() async throws {
        let executor = try Self.executor()
        let document = try Self.schema.prepare("subscription ($n: Int!) { t: ticks(to: $n) }")
        guard case .stream(let stream) = await executor.subscribe(document, variables: ["n": 3], context: Journal())
        else {
            Issue.record("no stream")
            return
        }
        var texts: [String] = []
        for try await response in stream { texts.append(String(decoding: response.bytes, as: UTF8.self)) }
        #expect(texts.first == #"{"data":{"t":1}}"# && texts.last == #"{"data":{"t":3}}"#)
        #expect(texts.count == 3 && texts[1].contains(#""code":"TWO""#) && texts[1].hasSuffix(#""data":{"t":null}}"#))
    }

    @Test func aStreamThatDoesNotOpenIsRefused() async throws {
        let executor = try Self.executor()
        for (text, variables, code) in [
            ("subscription { bad }", [:], "GONE"), ("subscription ($n: Int!) { ticks(to: $n) }", [:], "BAD_USER_INPUT"),
            ("{ never }", [:], "BAD_REQUEST"),
        ] as [(String, JSONObject, JSONValue)] {
            guard
                case .refused(let response) = await executor.subscribe(
                    try Self.schema.prepare(text), variables: variables, context: Journal())
            else {
                Issue.record("opened: \(text)")
                continue
            }
            #expect(response.data == nil && response.errors.map { $0.extensions["code"] } == [code])
        }
    }
}
