import Bench
import Fulfilment
import HTTPServer
import Messaging
import OrderAPI
import OrderFacts
import OrderflowKit
import Orders
import Projection
import ShippingFacts

/// A step of an order's way that can be done over and over.
struct MicroCase {
    let name: String
    /// What one call of `body` does, in the unit of the figure: a batch counts each of its messages.
    let units: Int
    /// Returns something that depends on all of the work, so that none of it can be left out.
    let body: () throws -> Int

    init(_ name: String, units: Int = 1, _ body: @escaping () throws -> Int) {
        self.name = name
        self.units = units
        self.body = body
    }

    /// The time of one unit, over a run of about `span`.
    func nanoseconds(for span: Duration) throws -> Double {
        let clock = ContinuousClock()
        let started = clock.now
        var calls = 0
        var sink = 0
        while started.duration(to: clock.now) < span {
            for _ in 0..<16 { sink &+= try body() }
            calls += 16
        }
        withExtendedLifetime(sink) {}
        return started.duration(to: clock.now) / .nanoseconds(1) / Double(calls * units)
    }
}

extension MicroCase {
    static func all() throws -> [MicroCase] {
        try [
            requestHead(), quotas(), orderDecoding(), factEncoding(), envelopeEncoding(), envelopeDecoding(),
            passingOver(), sagaStep(), projectionBatch(),
        ] + formats()
    }

    private static let record = OrderRecord(1)
    private static let body = Array(
        #"{"userId":"user-123456","items":[{"sku":"SKU-1234","qty":2}],"total":1234.56}"#.utf8)

    private static func requestHead() -> MicroCase {
        let head = Array(
            """
            POST /orders HTTP/1.1\r
            Host: 127.0.0.1:8080\r
            User-Agent: curl/8.5.0\r
            Accept: */*\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            \r

            """.utf8)
        let limits = HTTPServerConfiguration(host: "127.0.0.1", port: 0).limits
        var fields = [HeaderField](repeating: .none, count: limits.headerCount)
        return MicroCase("HTTP request head, parsed") {
            try head.withUnsafeBufferPointer { bytes in
                guard let start = bytes.baseAddress else { return 0 }
                var scanner = HeadScanner()
                guard let length = try scanner.advance(start, count: bytes.count, limits: limits) else { return 0 }
                return try fields.withUnsafeMutableBufferPointer { fields in
                    guard let room = fields.baseAddress else { return 0 }
                    _ = try RequestHead(
                        start, length: length, requestLineLength: scanner.requestLineLength, fields: room)
                    return length
                }
            }
        }
    }

    private static func quotas() -> MicroCase {
        var settings = LimitSettings()
        settings.rate = 1_000_000
        settings.tenantRate = 1_000_000
        let limits = RequestLimits(settings)
        let callers = (0..<1024).map { Principal(.key, subject: "key:\($0)", tenant: "acme", rights: .all) }
        let address = SocketAddress(addressText: "127.0.0.1")?.origin
        var turn = 0
        return MicroCase("a request's two quotas, with their fields") {
            guard let limits, let address else { return 0 }
            turn = (turn + 1) & 1023
            return try limits.admit(callers[turn], from: address, for: "acme", now: RequestLimits.clock()).count
        }
    }

    private static func orderDecoding() -> MicroCase {
        MicroCase("order's JSON, decoded and checked") {
            try body.withUnsafeBytes { try OrderRequest(json: $0) }.items.count
        }
    }

    private static func factEncoding() -> MicroCase {
        MicroCase("OrderCreated and its metadata, encoded") {
            OrderEvent.created(record.fact).payload().count + record.metadata.json().count
        }
    }

    private static func envelopeEncoding() -> MicroCase {
        var encoder = OrderRecord.encoder()
        return MicroCase("Kafka record of a stored event, encoded") {
            try record.encoded(for: "order-events", by: &encoder).value?.count ?? 0
        }
    }

    private static func message<Content: OrderFact>(_ fact: Content, number: Int) throws -> InboundMessage {
        InboundMessage(
            id: "message-\(number)", type: Content.type, schemaVersion: 1, payload: try fact.payload(),
            key: fact.orderID,
            tenant: "default", correlationID: "correlation", traceparent: nil, time: fact.at, streamVersion: nil,
            source: InboundMessage.Source(topic: "order-events", partition: 0, offset: Int64(number)))
    }

    private static func envelopeDecoding() throws -> MicroCase {
        var encoder = OrderRecord.encoder()
        let encoded = try record.encoded(for: "order-events", by: &encoder)
        let value = encoded.value ?? []
        let source = InboundMessage.Source(topic: "order-events", partition: 0, offset: 1)
        let reader = RecordReader(types: [OrderCreated.type]) { _ in nil }
        return MicroCase("Kafka record, decoded") {
            var envelope = EnvelopeHeaders(for: reader)
            encoded.headers.forEach { envelope.take($0, $1) }
            return value.withUnsafeBytes { value in
                let verdict = EnvelopeDecoder.decode(
                    value: value, key: nil, headers: envelope, source: source, recordTime: OrderRecord.time, by: reader)
                if case .event(let message) = verdict { return message.payload.count }
                return 0
            }
        }
    }

    private static func passingOver() -> MicroCase {
        let reader = RecordReader(types: [ShipmentCreated.type, OrderConfirmed.type, OrderCancelled.type]) { _ in nil }
        let type = Array(OrderCreated.type.utf8)
        return MicroCase("Kafka record, passed over by its type") {
            type.withUnsafeBytes { reader.passesOver($0) } ? 1 : 0
        }
    }

    private static func sagaStep() throws -> MicroCase {
        let definition = try FulfilmentSaga.definition(of: OrderflowApp.services)
        let fact = record.fact
        let payload = try fact.payload()
        let fresh = SagaInstance(id: fact.orderID, of: definition)
        return MicroCase("saga's step from OrderCreated to its commands") {
            try definition.react(
                fresh, to: .fact(type: OrderCreated.type, payload: payload, messageID: "m"), at: OrderRecord.time
            ).commands.count
        }
    }

    private static func projectionBatch() throws -> MicroCase {
        let orders = 250
        let messages = try (0..<orders).flatMap { number in
            let created = OrderRecord(number).fact
            let prepared = ShipmentCreated(orderID: created.orderID, shipmentID: "s", at: created.at)
            return [try message(created, number: 2 * number), try message(prepared, number: 2 * number + 1)]
        }
        let facts = OrderflowApp.services.facts
        return MicroCase("projection's batch of \(messages.count), each fact of it", units: messages.count) {
            var fold = OrderViewFold(facts, capacity: messages.count)
            for message in messages { try fold.add(message) }
            return fold.views(over: [:]).reduce(0) { $0 + $1.view.document().count }
        }
    }
}
