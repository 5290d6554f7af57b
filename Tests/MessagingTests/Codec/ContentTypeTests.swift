import Randomness
import Testing

@testable import Messaging

/// What a record's content type makes of its value.
@Suite struct ContentTypeTests {
    @Test(arguments: [
        ("application/json", true), ("application/json; charset=utf-8", true),
        ("Application/JSON ;charset=utf-8", true),
        ("application/vnd.shop.order+json", true), ("application/x-protobuf", false), ("application/jsonp", false),
        ("text/json", true), ("\ttext/JSON ; charset=utf-8", true), ("text/plain", false),
        ("application / json", false), ("json", false), ("/json", false), ("application/json/", false),
        ("a b/x+json", false),
    ])
    func jsonIsToldByItsMediaType(_ text: String, _ isJSON: Bool) {
        let type = ContentType(text)
        #expect(type.isJSON == isJSON)
        #expect(type.description == (isJSON ? "application/json" : text))
    }

    private func verdict(
        _ value: [UInt8], _ headers: [(String, String)], by codecs: PayloadCodecs = InvertedCodec.codecs
    ) -> RecordVerdict {
        let reader = RecordReader(types: ["Noted"], codecs: codecs) { _ in nil }
        var envelope = EnvelopeHeaders()
        for (name, text) in headers { Array(text.utf8).withUnsafeBytes { envelope.take(name, $0) } }
        return value.withUnsafeBytes {
            EnvelopeDecoder.decode(
                value: $0, key: nil, headers: envelope,
                source: InboundMessage.Source(topic: "t", partition: 0, offset: 1), recordTime: 0, by: reader)
        }
    }

    private func reason(_ verdict: RecordVerdict) -> String? {
        if case .poison(let reason) = verdict { reason } else { nil }
    }

    @Test func theCodecIsChosenByTheHeader() throws {
        let json = #"{"n":1}"#
        let binary = InvertedCodec.payload(json)
        let type = ("ce_type", "Noted")
        for name in ["application/x-inverted", "application/x-inverted; v=7", "Application/X-Inverted"] {
            guard
                case .event(let message) = verdict(binary, [("content-type", name), type, ("ce_schemaversion", "3")])
            else {
                Issue.record("\(name) is not read")
                continue
            }
            #expect(message.payload == Array(json.utf8))
            #expect(message.schemaVersion == 3)
            #expect(message.contentType.description == name)
        }
        // Of a JSON record the envelope says type and version, whatever parameters its content type has.
        let envelope = Array(#"{"type":"Noted","version":2,"payload":{"n":1}}"#.utf8)
        for headers in [
            [], [("content-type", "application/json")], [("content-type", "application/json; charset=utf-8")],
        ] {
            guard case .event(let message) = verdict(envelope, headers) else {
                Issue.record("\(headers) is not read")
                continue
            }
            #expect(message.payload == Array(json.utf8) && message.schemaVersion == 2 && message.contentType.isJSON)
        }
    }

    /// Foreign producers that set no format send JSON under a type that names none.
    @Test(arguments: ["text/plain", "Text/Plain; charset=utf-8", "application/octet-stream", "binary/octet-stream"])
    func aTypeWithoutAFormatIsReadAsJSON(_ name: String) throws {
        let envelope = Array(#"{"type":"Noted","version":2,"payload":{"n":1}}"#.utf8)
        guard case .event(let message) = verdict(envelope, [("content-type", name)]) else {
            Issue.record("not read")
            return
        }
        #expect(message.payload == Array(#"{"n":1}"#.utf8) && message.schemaVersion == 2)
        #expect(reason(verdict([0xFF, 0x00], [("content-type", name), ("ce_type", "Noted")])) != nil)
        // A codec of its own goes first.
        let binary = InvertedCodec.payload(#"{"n":2}"#)
        let essence = String(name.prefix { $0 != ";" })
        let codecs = PayloadCodecs([JSONPayloadCodec(), InvertedCodec(contentType: ContentType(essence))])
        guard case .event(let other) = verdict(binary, [("content-type", name), ("ce_type", "Noted")], by: codecs)
        else {
            Issue.record("not read by its codec")
            return
        }
        #expect(other.payload == Array(#"{"n":2}"#.utf8))
    }

    /// Every text that a header may hold is one of four things, and the reader says which.
    @Test func anyContentTypeGetsAClearVerdict() throws {
        var random = SeededGenerator.fromEnvironment()
        let envelope = Array(#"{"type":"Noted","payload":{"n":1}}"#.utf8)
        let known = [
            "application/json", "text/json", "application/vnd.a+json", "text/plain", "application/octet-stream",
        ]
        let pieces =
            known + [
                "application/x-inverted", "application/", "/", "a", "b c", " ", "\t", ";", "charset=utf-8", "+json",
                "é",
            ]
        let token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/
        for _ in 0..<TestTier.rounds(20_000) {
            let name = (0..<Int.random(in: 1...4, using: &random))
                .map { _ in pieces.randomElement(using: &random)! }.joined()
            let verdict = verdict(envelope, [("content-type", name), ("ce_type", "Noted")])
            let bare = name.split(separator: ";", omittingEmptySubsequences: false)[0]
                .trimming { $0 == " " || $0 == "\t" }
            let parts = bare.split(separator: "/", omittingEmptySubsequences: false)
            let isType = parts.count == 2 && parts.allSatisfy { $0.wholeMatch(of: token) != nil }
            // A tab is no character of an attribute's.
            let isRead = isType && !name.contains("\t") && (known.contains(bare) || bare.hasSuffix("+json"))
            switch verdict {
            case .event: #expect(isRead, "\(name)")
            case .nothing, .forged, .unavailable: Issue.record("\(name)")
            case .poison(let reason):
                #expect(!isRead, "\(name)")
                let expected =
                    !isType
                    ? "content-type \(name) is no media type (RFC 9110 §8.3.1)"
                    : bare == "application/x-inverted"
                        ? "the payload can't be read as \(name): Unmarked()"
                        : "content-type \(name) is unknown here (known: application/json, application/x-inverted)"
                #expect(reason == expected || name.contains("\t"), "\(name)")
            }
        }
    }

    @Test func whatNoCodecReadsIsPoisonAndSaysWhy() {
        let type = ("ce_type", "Noted")
        let inverted = ("content-type", "application/x-inverted")
        let binary = InvertedCodec.payload(#"{"n":1}"#)
        let cases: [(String, [UInt8], [(String, String)], PayloadCodecs, String)] = [
            (
                "unknown", binary, [("content-type", "application/x-protobuf"), type], InvertedCodec.codecs,
                "content-type application/x-protobuf is unknown here (known: application/json, application/x-inverted)"
            ),
            (
                "not installed", binary, [inverted, type], PayloadCodecs([JSONPayloadCodec()]),
                "content-type application/x-inverted is unknown here (known: application/json)"
            ),
            (
                "no media type", binary, [("content-type", "json"), type], InvertedCodec.codecs,
                "content-type json is no media type (RFC 9110 §8.3.1)"
            ),
            (
                "blanks inside", binary, [("content-type", "application/x- inverted"), type], InvertedCodec.codecs,
                "content-type application/x- inverted is no media type (RFC 9110 §8.3.1)"
            ),
            (
                "no type", binary, [inverted], InvertedCodec.codecs,
                "ce_type is required beside content-type application/x-inverted"
            ),
            (
                "other bytes", [1, 2], [inverted, type], InvertedCodec.codecs,
                "the payload can't be read as application/x-inverted: Unmarked()"
            ),
            (
                "version", binary, [inverted, type, ("ce_schemaversion", "10001")], InvertedCodec.codecs,
                "ce_schemaversion is out of range"
            ),
        ]
        for (name, value, headers, codecs, expected) in cases {
            #expect(reason(verdict(value, headers, by: codecs)) == expected, "\(name)")
        }
        // What the codec makes has to be one JSON object.
        for text in ["", "[1]", "{\"n\":", "{} {}", "null"] {
            #expect(reason(verdict(InvertedCodec.payload(text), [inverted, type])) != nil, "\(text)")
        }
    }

    /// A record of a type that the group doesn't react to is passed over, whatever its format.
    @Test func othersFormatsAreOthersBusiness() {
        let verdict = verdict([1], [("content-type", "application/x-protobuf"), ("ce_type", "Elsewhere")])
        guard case .nothing(.otherType) = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }
}

extension String.SubSequence {
    fileprivate func trimming(_ isBlank: (Character) -> Bool) -> String {
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}
