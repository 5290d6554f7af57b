import Execution
import HTTPServer
import Logging
import Synchronization
import Testing

@testable import Bench

@Suite struct LoadGeneratorTests {
    @Test func everyOrderArrivesOnceAndIsReadable() async throws {
        let bodies = Monitor<[String]>([])
        let (server, port) = try Self.server { request, responder in
            bodies.withLock { $0.append(String(decoding: request.body, as: UTF8.self)) }
            responder.send(HTTPResponse.json(.created, Array("{}".utf8)))
        }
        let result = try await Self.run(port) {
            $0.requests = 500
            $0.connections = 7
        }
        await server.stop(deadline: .seconds(1))
        #expect(result.created == 500)
        #expect(result.measured == 500)
        #expect(result.errors == 0)
        #expect(result.latency.totalCount == 500)
        let received = bodies.withLock { $0 }
        #expect(received.count == 500)
        #expect(Set(received).count > 400, "the orders must differ")
        let shape = /\{"userId":"user-\d{6}","items":\[\{"sku":"SKU-\d{4}","qty":[1-9]\}\],"total":[1-9]\d{3}\.\d\d\}/
        for body in received { #expect(body.wholeMatch(of: shape) != nil, "\(body)") }
    }

    @Test func errorsAreCountedAndNotTimed() async throws {
        let number = Atomic(0)
        let (server, port) = try Self.server { _, responder in
            let isFourth = number.add(1, ordering: .relaxed).newValue % 4 == 0
            responder.send(HTTPResponse.json(isFourth ? .serviceUnavailable : .created, Array("{}".utf8)))
        }
        let result = try await Self.run(port) { $0.requests = 400 }
        await server.stop(deadline: .seconds(1))
        #expect(result.statuses == [201: 300, 503: 100])
        #expect(result.errors == 100)
        #expect(result.latency.totalCount == 300)
    }

    /// A server that stalls delays all requests that were due meanwhile, and the histogram has to say so.
    @Test func aStallCountsForEveryRequestThatItDelays() async throws {
        let number = Atomic(0)
        let (server, port) = try Self.server { _, responder in
            if number.add(1, ordering: .relaxed).newValue == 50 { StopSignal().wait(for: .milliseconds(400)) }
            responder.send(HTTPResponse.json(.created, Array("{}".utf8)))
        }
        let result = try await Self.run(port) {
            $0.connections = 1
            $0.rate = 500
            $0.requests = 300
        }
        await server.stop(deadline: .seconds(1))
        #expect(result.created == 300)
        // 200 requests were due in the 400 ms; half of them had to wait for at least half of that time.
        let slow = result.latency.count(within: 190_000...60_000_000)
        #expect(slow >= 90, "\(slow) slow ones: a closed loop would have one")
    }

    @Test func requestsWithoutAConnectionAreReported() async throws {
        let (server, port) = try Self.server { _, responder in
            StopSignal().wait(for: .milliseconds(50))
            responder.send(HTTPResponse.json(.created, Array("{}".utf8)))
        }
        let result = try await Self.run(port) {
            $0.connections = 1
            $0.rate = 200
            $0.duration = .milliseconds(500)
            $0.patience = .milliseconds(100)
        }
        await server.stop(deadline: .seconds(1))
        // At 20 a second, 100 that were due can't be served in 0.6 s.
        #expect(result.unsent > 50)
        #expect(result.created + result.unknown + result.unsent == 100)
    }

    private static func server(
        _ handler: @escaping @Sendable (borrowing HTTPRequest, Responder) -> Void
    ) throws -> (HTTPServer, UInt16) {
        let router = Router(RouteGroup { Endpoint(.post, "/orders", .bodyLimit(4 << 10)) { handler($0, $1) } })
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        configuration.loops = 1
        let server = HTTPServer(configuration, router: router, logger: Logger(label: "test"))
        return (server, try #require(try server.start().first).port)
    }

    private static func run(_ port: UInt16, _ change: (inout LoadPlan) -> Void) async throws -> LoadResult {
        var plan = LoadPlan(host: "127.0.0.1", port: port)
        plan.warmUp = .zero
        plan.duration = .seconds(20)
        change(&plan)
        let final = plan
        return try await DedicatedThread.run("load") { try LoadGenerator(final).run() }
    }
}
