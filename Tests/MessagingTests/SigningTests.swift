import Foundation
import Hashing
import Kafka
import Testing

@testable import Messaging

/// Who says a fact, proved: what is signed by its source goes in, and nothing else.
@Suite struct SigningTests {
    private static let payment = "/orderflow/payment"
    private static let shipping = "/orderflow/shipping"

    private static func secret(_ byte: UInt8) -> String {
        Data([UInt8](repeating: byte, count: SourceKeys.secretSize)).base64EncodedString()
    }

    private static func signatures(
        _ payment: String = "new \(SigningTests.secret(2))\nold \(SigningTests.secret(1))\n",
        shipping: String = "s \(SigningTests.secret(3))",
        unsignedBefore: [TopicPartition: Int64] = [:]
    ) throws -> Signatures {
        Signatures(
            keys: [Self.payment: try SourceKeys(lines: payment), Self.shipping: try SourceKeys(lines: shipping)],
            check: Signatures.Check(
                says: [Self.payment: ["Paid"], Self.shipping: ["Shipped"], "/keyless": ["Paid"]],
                unsignedBefore: unsignedBefore))
    }

    /// A record of a source, as its relay writes it.
    private func record(
        _ type: String = "Paid", of source: String = SigningTests.payment, signedBy signatures: Signatures?
    ) throws -> OutgoingMessage {
        let metadata = EventMetadata(
            id: "1", source: source, time: 1, tenant: "acme", correlationID: "c",
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        var encoder = RelayEncoder(source: .outbox, signatures: nil)
        var message = try Array("o-1".utf8).withUnsafeBytes { key in
            try Array(#"{"orderId":"o-1"}"#.utf8).withUnsafeBytes { data in
                try metadata.json().withUnsafeBytes { metadata in
                    try encoder.event(
                        topic: "facts", key: key, type: type, schemaVersion: 1, streamVersion: 3, data: data,
                        metadata: metadata)
                }
            }
        }
        signatures?.sign(&message)
        return message
    }

    private func verdict(
        _ message: OutgoingMessage, by signatures: Signatures?, topic: String = "facts", offset: Int64 = 7
    ) -> String? {
        let reader = RecordReader(types: ["Paid", "Shipped"], signatures: signatures) { _ in nil }
        var headers = EnvelopeHeaders(for: reader)
        message.headers.forEach { headers.take(String(decoding: $0, as: UTF8.self), $1) }
        let verdict = (message.value ?? []).withUnsafeBytes { value in
            (message.key ?? []).withUnsafeBytes { key in
                EnvelopeDecoder.decode(
                    value: value, key: message.key == nil ? nil : key, headers: headers,
                    source: InboundMessage.Source(topic: topic, partition: 0, offset: offset), recordTime: 0,
                    by: reader)
            }
        }
        switch verdict {
        case .event: return nil
        case .nothing: return "nothing"
        case .forged(let reason): return reason
        case .poison(let reason): return "poison: \(reason)"
        case .unavailable(let reason): return "unavailable: \(reason)"
        }
    }

    @Test func aSourcesOwnWordGoesIn() throws {
        let signatures = try Self.signatures()
        #expect(verdict(try record(signedBy: signatures), by: signatures) == nil)
        #expect(verdict(try record("Shipped", of: Self.shipping, signedBy: signatures), by: signatures) == nil)
        // A reader that looks at no signature isn't disturbed by one.
        #expect(verdict(try record(signedBy: signatures), by: nil) == nil)
        #expect(verdict(try record(signedBy: nil), by: Signatures(keys: [:], check: nil)) == nil)
    }

    @Test func aRecordPassedOnUnderAnotherSpanIsTheSame() throws {
        let signatures = try Self.signatures()
        var message = try record(signedBy: signatures)
        message.headers.replace("traceparent", with: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
        #expect(verdict(message, by: signatures) == nil)
    }

    @Test func whatAnotherSaysIsForged() throws {
        let signatures = try Self.signatures()
        let changed = "the signature isn't /orderflow/payment's, or the record was changed"
        #expect(
            verdict(try record(signedBy: nil), by: signatures) == "/orderflow/payment hasn't signed it")
        // Shipping's keys under payment's name.
        let forged = Signatures(keys: [Self.payment: try SourceKeys(lines: "new \(Self.secret(3))")], check: nil)
        #expect(verdict(try record(signedBy: forged), by: signatures) == changed)
        #expect(
            verdict(try record(of: Self.shipping, signedBy: signatures), by: signatures)
                == "/orderflow/shipping may not say Paid")
        #expect(
            verdict(try record(of: "/stranger", signedBy: nil), by: signatures)
                == "/stranger is no source that may say anything here")
        var keyless = try record(of: "/keyless", signedBy: nil)
        keyless.headers.append("ce_signature", "k:AAAA")
        #expect(
            verdict(keyless, by: signatures) == "there are no keys of /keyless to verify its signature by")
        var bare = try record(signedBy: nil)
        bare.headers = [KafkaHeader("ce_type", Array("Paid".utf8))]
        #expect(verdict(bare, by: signatures) == "ce_source is missing, and nobody has signed it")
    }

    @Test func whateverIsChangedIsNoticed() throws {
        let signatures = try Self.signatures()
        let changed = "the signature isn't /orderflow/payment's, or the record was changed"
        let good = try record(signedBy: signatures)
        for name in ["ce_id", "ce_time", "ce_subject", "ce_correlationid", "ce_tenant", "ce_streamversion"] {
            var message = good
            message.headers.replace(name, with: name == "ce_time" ? "2026-01-01T00:00:00Z" : "2")
            #expect(verdict(message, by: signatures) == changed, "\(name)")
            // A second one counts for readers, and so for the signature.
            message = good
            message.headers.append(name, name == "ce_time" ? "2026-01-01T00:00:00Z" : "2")
            #expect(verdict(message, by: signatures) == changed, "\(name), twice")
        }
        var message = good
        message.headers.append("ce_causationid", "x")
        #expect(verdict(message, by: signatures) == changed)
        message = good
        message.value = Array(#"{"type":"Paid","version":1,"payload":{"orderId":"o-2"}}"#.utf8)
        #expect(verdict(message, by: signatures) == changed)
        message = good
        message.key = Array("o-2".utf8)
        #expect(verdict(message, by: signatures) == changed)
        #expect(verdict(good, by: signatures, topic: "other") == changed)
        message = good
        message.headers.replace("ce_signature", with: "AAAA")
        #expect(verdict(message, by: signatures) == "ce_signature must be a key's id, a colon and Base64")
    }

    /// A stranger's nonsense is no flaw of what the source says, which would hold up the key; the source's own is.
    @Test func nonsenseIsItsSourcesOwnOrForged() throws {
        let signatures = try Self.signatures()
        let flaws: [(inout OutgoingMessage) -> Void] = [
            { $0.value = Array("{".utf8) }, { $0.value = Array(#"{"type":"Paid"}"#.utf8) },
            { $0.value = Array(#"{"type":"Shipped","version":1,"payload":{}}"#.utf8) },
            { $0.headers.append("ce_tenant", "a b") }, { $0.headers.append("ce_streamversion", "x") },
            { $0.headers.append("content-type", "application/x-nothing") },
        ]
        for (number, flaw) in flaws.enumerated() {
            var message = try record(signedBy: nil)
            flaw(&message)
            #expect(
                verdict(message, by: signatures) == "/orderflow/payment hasn't signed it", "\(number), unsigned")
            #expect(verdict(message, by: nil)?.hasPrefix("poison: ") == true, "\(number), nobody looks")
            signatures.sign(&message)
            #expect(verdict(message, by: signatures)?.hasPrefix("poison: ") == true, "\(number), signed")
        }
        // Known by its header not to be shipping's to say.
        var foreign = try record(of: Self.shipping, signedBy: nil)
        foreign.value = Array("{".utf8)
        signatures.sign(&foreign)
        #expect(verdict(foreign, by: signatures) == "/orderflow/shipping may not say Paid")
    }

    @Test func keysAreRotated() throws {
        let before = try Self.signatures("old \(Self.secret(1))")
        let both = try Self.signatures()
        let after = try Self.signatures("new \(Self.secret(2))")
        #expect(verdict(try record(signedBy: before), by: both) == nil)
        #expect(verdict(try record(signedBy: both), by: after) == nil)
        #expect(
            verdict(try record(signedBy: before), by: after)
                == "it is signed with a key that /orderflow/payment hasn't")
    }

    /// Offsets are the brokers' to give; a time is whatever a producer says.
    @Test func recordsOfBeforeMayBeUnsigned() throws {
        let signatures = try Self.signatures(
            unsignedBefore: [TopicPartition(topic: "facts", partition: 0): 8])
        let old = try record(of: "/stranger", signedBy: nil)
        #expect(verdict(old, by: signatures, offset: 7) == nil)
        #expect(verdict(old, by: signatures, offset: 8) != nil)
        #expect(verdict(old, by: signatures, topic: "other", offset: 7) != nil)
        // A signature that is there has to be right.
        var wrong = try record(signedBy: signatures)
        wrong.key = Array("o-2".utf8)
        #expect(verdict(wrong, by: signatures, offset: 7) != nil)
    }

    @Test(arguments: [
        "", "# nothing", "id", "id too many", "id AAAA", "i.d \(SigningTests.secret(1))",
        "a \(SigningTests.secret(1))\na \(SigningTests.secret(2))",
    ])
    func aFileOfKeysIsReadStrictly(lines: String) {
        #expect(throws: KeyFlaw.self) { try SourceKeys(lines: lines) }
    }

    @Test func aNewKeyIsOneThatIsRead() throws {
        let line = SourceKeys.line(at: Date(timeIntervalSince1970: 1_767_225_600))
        #expect(line.hasPrefix("20260101-"), "\(line)")
        #expect(try SourceKeys(lines: "\(line)\n# old\n\n\(SourceKeys.line(at: Date()))").all.count == 2)
    }

    /// As docs/extending.md has it, for producers in other languages.
    @Test func theBytesThatAreSigned() throws {
        var content = SignedContent()
        for (attribute, value) in [(EventAttribute.id, "1"), (.source, "/x"), (.traceparent, "t")] {
            Array(value.utf8).withUnsafeBytes { content.take(attribute, $0) }
        }
        let bytes = Array("v".utf8).withUnsafeBytes { content.bytes(topic: "t", key: nil, value: $0) }
        let missing: [UInt8] = [255, 255, 255, 255]
        let expected =
            Array("orderflow-signature-1\n".utf8) + [0, 0, 0, 1] + "t".utf8 + missing + [0, 0, 0, 1] + "v".utf8
            + missing + [0, 0, 0, 1] + "1".utf8 + [0, 0, 0, 2] + "/x".utf8
            + Array([[UInt8]](repeating: missing, count: 9).joined())
        #expect(bytes == expected)
    }
}
