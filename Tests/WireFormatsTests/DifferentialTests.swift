import InventoryFacts
import JSON
import OrderFacts
import Orders
import PaymentFacts
import Randomness
import Schemas
import TestServers
import Testing
import UserFacts

@testable import WireFormats

/// Held against the serializers of Confluent's client: records are the same to the byte, so that what each writes the other
/// reads.
@Suite(.blocking) struct DifferentialTests {
    @Test func recordsAreTheirsToTheByte() async throws {
        var random = SeededGenerator.fromEnvironment()
        let facts = try Self.facts()
        let generated = (0..<TestTier.rounds(300)).map { GeneratedMessage("Generated\($0)", using: &random) }
        let messages = facts + generated.map { (schema: $0.schema, json: $0.json) }
        let records = try await Serializers.records(of: messages)
        #expect(records.count == messages.count)
        for (message, record) in zip(messages, records) {
            let plan = RecordPlan(message.schema)
            let json = message.json.description
            let framed: [(theirs: [UInt8], indexes: [UInt8], ours: [UInt8])] = [
                (record.protobuf, [0], try Samples.protobuf(json, plan)),
                (record.avro, [], try Samples.avro(json, plan)),
            ]
            for (theirs, indexes, ours) in framed {
                // Which id it is, their registry says.
                let id = try theirs.withUnsafeBytes { try ConfluentFrame.open($0).id }
                let frame = PayloadBuffer()
                ConfluentFrame.append(id: id, to: frame)
                #expect(frame.array() + indexes + ours == theirs, "\(message.schema.type): \(json)")
            }
        }
    }

    /// One of each kind of fact, as its own coder writes it.
    private static func facts() throws -> [(schema: MessageSchema, json: JSONValue)] {
        func message<Payload: MessagePayload>(
            _ payload: Payload, as name: String
        ) throws -> (schema: MessageSchema, json: JSONValue) {
            let schema = try Payload.schema
            return (
                MessageSchema(name, version: schema.version, schema.summary, schema.fields),
                try JSONValue(parsing: payload.payload())
            )
        }
        func money(_ minorUnits: Int64, _ code: String) throws -> Money {
            Money(minorUnits: minorUnits, currency: try #require(Currency(code: code)))
        }
        let time: Int64 = 1_769_860_800_123_456
        let items = [OrderLine(sku: "ABC", quantity: 2), OrderLine(sku: "Ü-1", quantity: 10_000)]
        return try [
            message(
                OrderCreated(
                    orderID: "0199d0f0-0000-7000-8000-000000000001", userID: "alice", items: items,
                    total: money(4_990, "USD"), createdAt: time), as: "OrderCreatedUsual"),
            message(
                OrderCreated(
                    orderID: "o", userID: "bob", items: items, total: money(999_999_999_999_99, "EUR"), createdAt: -1,
                    email: "b@x.example", shippingAddress: "1 Main St\nSpringfield", hasSealedToken: true),
                as: "OrderCreatedWhole"),
            message(
                PaymentProcessed(orderID: "o", amount: money(705, "JPY"), reference: "", at: 0),
                as: "PaymentProcessedYen"),
            message(
                PaymentProcessed(orderID: "o", amount: money(1, "KWD"), reference: "r", at: time),
                as: "PaymentProcessedDinar"),
            message(StockReleased(orderID: "o", items: [], at: time), as: "StockReleasedNone"),
            message(KeepPaymentToken(orderID: "o", sealedToken: nil), as: "KeepPaymentTokenNone"),
            message(
                AccountCreated(
                    accountID: "a", userID: "u", address: PostalAddress(street: "1 Main St", country: "US"),
                    createdAt: time), as: "AccountCreatedShort"),
            message(
                BatchCompleted(
                    batchID: "b", accepted: 3, confirmed: 2, cancelled: 1, refused: 0, isWhole: true, openedAt: time,
                    sealedAt: time, at: time), as: "BatchCompletedWhole"),
        ]
    }
}
