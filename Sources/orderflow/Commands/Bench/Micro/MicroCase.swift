import Bench
import HTTPServer
import Messaging
import Orders
import Services

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
        try [requestHead(), orderDecoding(), factEncoding(), envelopeEncoding(), envelopeDecoding(), sagaStep()]
            + [projectionBatch()]
    }

    private static let now: Int64 = 1_790_000_000_000_000
    private static let orderID = "01a1fe95-a371-7472-bc63-b8943172bb40"
    private static let body = Array(
        #"{"userId":"user-123456","items":[{"sku":"SKU-1234","qty":2}],"total":1234.56}"#.utf8)

    private static func created(_ orderID: String = orderID) throws -> OrderFact {
        let request = try body.withUnsafeBytes { try OrderRequest(json: $0) }
        return OrderFact(orderID: orderID, at: now, .orderCreated(request.created(orderID: orderID, at: now)))
    }

    private static var metadata: [UInt8] {
        EventMetadata(
            id: "01a1fe95-a371-7472-bc63-b8943172bb41", source: "/orderflow/orders", time: now,
            correlationID: "01a1fe95-a371-7472-bc63-b8943172bb42"
        ).json()
    }

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

    private static func orderDecoding() -> MicroCase {
        MicroCase("order's JSON, decoded and checked") {
            try body.withUnsafeBytes { try OrderRequest(json: $0) }.items.count
        }
    }

    private static func factEncoding() throws -> MicroCase {
        let fact = try created()
        return MicroCase("OrderCreated and its metadata, encoded") { fact.payload().count + metadata.count }
    }

    private static func envelopeEncoding() throws -> MicroCase {
        let payload = try created().payload()
        let metadata = metadata
        var encoder = RelayEncoder(source: .outbox)
        return MicroCase("Kafka record of a stored event, encoded") {
            try orderID.utf8.withContiguousStorageIfAvailable { key in
                try payload.withUnsafeBytes { data in
                    try metadata.withUnsafeBytes { metadata in
                        try encoder.event(
                            topic: "order-events", key: UnsafeRawBufferPointer(key), type: FactType.orderCreated,
                            schemaVersion: 1, streamVersion: 1, data: data, metadata: metadata
                        ).value?.count ?? 0
                    }
                }
            } ?? 0
        }
    }

    private static func message(_ fact: OrderFact, number: Int = 0) throws -> InboundMessage {
        InboundMessage(
            id: "message-\(number)", type: fact.kind.type, schemaVersion: 1, payload: fact.payload(), key: fact.orderID,
            tenant: "default", correlationID: "correlation", traceparent: nil, time: now, streamVersion: nil,
            source: InboundMessage.Source(topic: "order-events", partition: 0, offset: Int64(number)))
    }

    private static func envelopeDecoding() throws -> MicroCase {
        let payload = String(decoding: try created().payload(), as: UTF8.self)
        let value = Array(#"{"type":"OrderCreated","version":1,"payload":\#(payload)}"#.utf8)
        let headers = [
            ("ce_specversion", "1.0"), ("ce_id", "01a1fe95-a371-7472-bc63-b8943172bb41"),
            ("ce_source", "/orderflow/orders"), ("ce_type", "OrderCreated"),
            ("ce_time", "2026-09-21T13:33:20.000000Z"), ("ce_subject", orderID), ("content-type", "application/json"),
            ("ce_correlationid", orderID), ("ce_tenant", "default"), ("ce_streamversion", "1"),
        ].map { ($0.0, Array($0.1.utf8)) }
        let source = InboundMessage.Source(topic: "order-events", partition: 0, offset: 1)
        return MicroCase("Kafka record, decoded") {
            var envelope = EnvelopeHeaders()
            for (name, value) in headers { value.withUnsafeBytes { envelope.take(name, $0) } }
            return value.withUnsafeBytes { value in
                let outcome = EnvelopeDecoder.decode(
                    value: value, key: nil, headers: envelope, source: source, recordTime: now, types: FactType.all,
                    ignoring: nil)
                if case .message(let message) = outcome { return message.payload.count }
                return 0
            }
        }
    }

    private static func sagaStep() throws -> MicroCase {
        let definition = try FulfilmentSaga.definition(topics: Topics())
        let fact = try created()
        let payload = fact.payload()
        let fresh = SagaInstance(id: orderID, of: definition)
        return MicroCase("saga's step from OrderCreated to its commands") {
            try definition.react(
                fresh, to: .fact(type: fact.kind.type, payload: payload, messageID: "m"), at: now
            ).commands.count
        }
    }

    private static func projectionBatch() throws -> MicroCase {
        let orders = 250
        let messages = try (0..<orders).flatMap { number in
            let id = "order-\(number)"
            return [
                try message(created(id), number: 2 * number),
                try message(OrderFact(orderID: id, at: now, .shipmentCreated(shipmentID: "s")), number: 2 * number + 1),
            ]
        }
        return MicroCase("projection's batch of \(messages.count), each fact of it", units: messages.count) {
            var fold = OrderViewFold(capacity: messages.count)
            for message in messages { try fold.add(message) }
            return fold.views(over: [:]).reduce(0) { $0 + $1.view.document().count }
        }
    }
}
