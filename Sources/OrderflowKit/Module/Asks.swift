import Execution
import Messaging
import Orders

/// Requests that the service sends and waits for (`ServiceContext.asking`). Each process of it has a topic of its own for the
/// answers, made in the background when it starts: neither the first who asks nor readiness waits for it.
///
///     Asks(QuoteRequest.self, on: .quoteRequests) { $0.settings[QuotesSettings.self].inFlight }
public struct Asks: ServiceModulePart {
    private let asked: AskedTopic

    /// - Parameter inFlight: requests that may wait for their answers at once; more are refused. Where a service asks
    ///   several things, the first one's counts for all.
    public init(
        _ requests: any RequestPayload.Type..., on topic: Topic,
        inFlight: @escaping @Sendable (ServiceContext) -> Int = { _ in 500 }
    ) {
        asked = AskedTopic(
            topic: topic, requests: requests.map { $0.type }, replies: requests.map { Self.reply(of: $0) },
            inFlight: inFlight)
    }

    private static func reply<Request: RequestPayload>(of _: Request.Type) -> any ReplyPayload.Type {
        Request.Reply.self
    }

    public func join(_ module: inout ServiceModule) {
        let isFirst = module.asks.isEmpty
        module.asks.append(asked)
        module.says[asked.topic, default: []].formUnion(asked.requests)
        guard isFirst else { return }
        module.running.append { context in
            let client = try context.messageClient()
            context.collectors.watch(client)
            let part = ThreadGroup.Part("replies") { stop in
                client.open()
                client.run(until: stop)
            }
            return Running(parts: [part], servesFromParts: true)
        }
    }
}

/// What a service asks on one topic.
package struct AskedTopic: Sendable {
    package let topic: Topic
    package let requests: [String]
    package let replies: [any ReplyPayload.Type]
    let inFlight: @Sendable (ServiceContext) -> Int
}

/// By which a service asks others.
public struct Asking: Sendable {
    let client: MessageClient
    let topics: Topics
    /// `ce_source` of the requests.
    let source: String

    /// Sends a request to the responders of the topic, and returns the answer. Blocks no thread.
    ///
    /// - Parameters:
    ///   - request: of a type that the service's module `Asks`.
    ///   - correlationID: nil begins a new one.
    ///   - timeout: after it nobody waits for the answer, nor works on it.
    public func ask<Request: RequestPayload>(
        _ request: Request, on topic: Topic, tenant: String, correlationID: String? = nil, traceparent: String? = nil,
        within timeout: Duration
    ) async throws(RequestError) -> Request.Reply {
        let now = WallClock.nowMicroseconds()
        let id = UUIDText.v7(microseconds: now)
        let outgoing: OutgoingRequest
        do {
            outgoing = OutgoingRequest(
                topic: topics[topic], type: Request.type, schemaVersion: Request.version,
                payload: try request.payload(),
                metadata: EventMetadata(
                    id: id, source: source, time: now, tenant: tenant, correlationID: correlationID ?? id,
                    traceparent: traceparent))
        } catch {
            throw .unavailable("\(error)")
        }
        let message = try await client.request(outgoing, timeout: timeout)
        do {
            if let reply = try message.payload(as: Request.Reply.self) { return reply }
        } catch {
            throw .unreadable("\(error)")
        }
        throw .unreadable("\(message.type) is no answer to \(Request.type)")
    }
}

extension ServiceContext {
    /// For what the service's module `Asks`. Connects to nothing itself.
    public func asking() throws -> Asking {
        Asking(client: try messageClient(), topics: topics, source: source)
    }

    /// The process's own, which all that ask share.
    func messageClient() throws -> MessageClient {
        let asks = settings.services.modules.filter { $0.source == name }.flatMap(\.asks)
        let reads = try FactCatalogue(asks.flatMap(\.replies).map { $0 as any MessagePayload.Type })
        var configuration = MessageClient.Configuration(
            service: name, instance: kafka.membershipName ?? UUIDText.v7(microseconds: WallClock.nowMicroseconds()))
        configuration.replication = settings.topics.replication
        if let first = asks.first { configuration.inFlight = first.inFlight(self) }
        return shared(
            MessageClient(
                configuration, kafka: kafka,
                reader: RecordReader(types: reads.types.union([RequestRefusal.type]), content: reads.door),
                logger: logger))
    }
}
