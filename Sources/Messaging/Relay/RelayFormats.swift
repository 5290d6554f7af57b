import Execution
import Kafka
import Logging
import Metrics
import Schemas

/// Encodes payloads on their way out: in the event store and the outbox they are JSON, whatever their topic has.
///
/// A relay never stops for a format. What has no schema of its version, what a schema can't say, and what has no id yet
/// because nobody can be asked for one goes out as the JSON that it is, which every reader takes too.
public struct RelayFormats: Sendable {
    private let formats: TopicFormats
    private let schemas: SchemaPayloads
    private let encoded: Counter
    private let kept: Counter
    private let logger: Logger
    /// When each type was last said to stay JSON.
    private let told = Monitor<[String: ContinuousClock.Instant]>([:])

    private static let pause: Duration = .seconds(60)

    /// Nil where everything stays as it is.
    public init?(_ formats: TopicFormats, codecs: PayloadCodecs = .installed, service: String, logger: Logger) {
        guard !formats.isJSON, let schemas = codecs.schemas else { return nil }
        self.formats = formats
        self.schemas = schemas
        self.logger = logger
        func counter(_ outcome: String) -> Counter {
            Counter(
                label: "orderflow_relay_encoded_total", dimensions: [("service", service), ("outcome", outcome)])
        }
        encoded = counter("encoded")
        kept = counter("kept_json")
    }

    /// Writes payloads for one relay.
    func writer() -> SchemaPayloads.Writer { SchemaPayloads.Writer(schemas) }

    /// A payload as its topic has it; nil where that is JSON.
    ///
    /// - Parameter writer: of these formats, the relay's own.
    func encode(
        _ json: UnsafeRawBufferPointer, topic: String, type: String, schemaVersion: Int,
        by writer: SchemaPayloads.Writer
    ) -> (value: [UInt8], contentType: ContentType)? {
        guard let format = formats[topic] else { return nil }
        do {
            let value = try writer.payload(ofJSON: json, type: type, version: schemaVersion, format: format)
            // Records have a size that brokers take, and which the JSON was held against.
            guard value.count <= json.count else { throw TooLong() }
            encoded.increment()
            return (value, format.contentType)
        } catch {
            kept.increment()
            if isNews(type) {
                logger.warning(
                    "payload_stays_json",
                    metadata: [
                        "type": "\(type)", "version": "\(schemaVersion)", "topic": "\(topic)",
                        "format": "\(format.rawValue)", "error": "\(error)",
                    ])
            }
            return nil
        }
    }

    private struct TooLong: Error, CustomStringConvertible {
        let description = "it would be longer than its JSON"
    }

    /// Once a minute for each type: types are as many as the program has, and a few more of older releases.
    private func isNews(_ type: String) -> Bool {
        told.withLock { told in
            if let last = told[type], last + Self.pause > .now { return false }
            if told.count > 1_000 { told.removeAll() }
            told[type] = .now
            return true
        }
    }
}
