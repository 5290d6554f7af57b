import Execution
import Messaging
import Orders
import Postgres

/// Requests of other services that the service answers, from its own database.
///
///     Answers(QuoteRequest.self, on: .quoteRequests) { context in
///         { requests, connection in … }
///     }
///
/// An answer changes nothing: it is given by a plain producer, at once, and neither stored nor given again. Who asks
/// has a deadline, and asks again; requests that have passed theirs don't reach the handler.
public struct Answers<Request: RequestPayload>: ServiceModulePart {
    /// A request, and whose it is.
    public struct Question: Sendable {
        public let request: Request
        public let tenant: String
    }

    /// One answer a request, in their order; a refusal says why there is none. What is thrown refuses the requests one by
    /// one.
    public typealias Handler =
        @Sendable (_ questions: [Question], _ connection: Connection) throws -> [Result<Request.Reply, RequestRefusal>]

    private let topic: Topic
    private let make: @Sendable (ServiceContext) throws -> Handler

    public init(
        _: Request.Type, on topic: Topic, by make: @escaping @Sendable (ServiceContext) throws -> Handler
    ) {
        self.topic = topic
        self.make = make
    }

    public func join(_ module: inout ServiceModule) {
        let group = "\(module.name)-\(topic.id.replacing("_", with: "-"))-group"
        module.answers.append(
            AnsweredTopic(topic: topic, group: group, replies: [Request.Reply.type, RequestRefusal.type]))
        module.needsDatabase = true
        module.running.append { [topic, make] context in
            let handler = try make(context)
            let reads: FactCatalogue = [Request.self]
            let responder = RequestResponder(
                RequestResponder.Configuration(group: group, topic: context.topics[topic], source: context.source),
                kafka: context.kafka, database: context.database,
                reader: RecordReader(types: reads.types, content: reads.door), logger: context.logger
            ) { try Self.answers(to: $0, $1, by: handler) }
            return Running(parts: [ThreadGroup.Part(group) { try responder.run(until: $0) }])
        }
    }

    private static func answers(
        to messages: [InboundMessage], _ connection: Connection, by handler: Handler
    ) throws -> [Result<RequestResponder.Reply, RequestRefusal>] {
        let questions = try messages.map { message in
            guard let request = try message.payload(as: Request.self) else {
                throw MessageRejected("\(message.type) is no \(Request.type)")
            }
            return Question(request: request, tenant: message.tenant)
        }
        return try handler(questions, connection).map { answer in
            switch answer {
            case .success(let reply):
                .success(
                    RequestResponder.Reply(
                        type: Request.Reply.type, schemaVersion: Request.Reply.version, payload: try reply.payload()))
            case .failure(let refusal): .failure(refusal)
            }
        }
    }
}

/// What a service answers on one topic.
package struct AnsweredTopic: Sendable {
    package let topic: Topic
    package let group: String
    package let replies: [String]
}
