import Execution
import Schemas
import Synchronization
import WireFormats

/// Payloads that go by schemas: between the JSON that the coders of facts know and the bytes of Protocol Buffers and Avro
/// in Confluent's wire format.
///
/// No code is made of the schemas, so that another team's fact has these formats as soon as its schema is declared. What is
/// known of an id is kept: nobody is asked twice.
public final class SchemaPayloads: Sendable {
    private let entries: [String: Entry]
    private let ids: any SchemaIDs
    /// Nobody is asked before, since it couldn't be done a moment ago.
    private let askingAgain = Monitor(ContinuousClock.now)

    private static let pause: Duration = .milliseconds(500)
    /// Schemas of one type that are kept: more than a type has writers.
    private static let readings = 256

    /// - Parameters:
    ///   - schemas: of all facts and commands that may be read or sent, each with all names that its records may have.
    ///   - ids: gives and finds the ids of schemas.
    public init(_ schemas: some Sequence<(names: [String], schema: MessageSchema)>, ids: any SchemaIDs) {
        var entries: [String: Entry] = [:]
        for (names, schema) in schemas {
            let entry = Entry(schema)
            for name in names { entries[name] = entry }
        }
        self.entries = entries
        self.ids = ids
    }

    /// What is known of one fact or command.
    fileprivate final class Entry: Sendable {
        let type: String
        let version: Int
        let plan: RecordPlan
        /// How its records are read, by their schemas' ids.
        let readings = Monitor<[Int32: Reading]>([:])
        /// Of its own schema, by the formats; 0 for one that isn't known yet.
        let protobuf = Atomic<Int64>(Entry.unknown)
        let avro = Atomic<Int64>(Entry.unknown)

        static let unknown = Int64.min

        init(_ schema: MessageSchema) {
            type = schema.type
            version = schema.version
            plan = RecordPlan(schema)
        }
    }

    /// How data by one schema are read.
    fileprivate final class Reading: Sendable {
        enum Plan: Sendable {
            case protobuf(RecordPlan)
            case avro(AvroPlan)
            /// Not at all, and why.
            case none(WireFormatError)
        }

        let format: SchemaFormat
        /// As the present version.
        let present: Plan
        /// As they were written, for other versions.
        let written: Plan
        private let schema: RegisteredSchema
        private let type: String
        private let message: String
        /// Why nothing of this type is written by it: not by its first message, nor by its record.
        private let flaw: SchemaLookupError?

        init(_ schema: RegisteredSchema, _ entry: Entry) {
            self.schema = schema
            type = entry.type
            message = entry.plan.name
            flaw = Self.flaw(of: schema, ConfluentFrame.firstMessage, message, type)
            let plan = entry.plan
            switch schema.definition {
            case .protobuf(let file):
                format = .protobuf
                present = .protobuf(plan)
                written = Plan { () throws(WireFormatError) in .protobuf(try RecordPlan(writer: file)) }
            case .avro(let document):
                format = .avro
                present = Plan { () throws(WireFormatError) in .avro(try AvroPlan(document, as: plan)) }
                written = Plan { () throws(WireFormatError) in
                    .avro(try AvroPlan(document, as: RecordPlan(writer: document)))
                }
            }
        }

        /// The message that the indexes lead to has to be the one that the record says it is.
        func check(_ path: [Int]) throws(SchemaLookupError) {
            let isFirst = path == ConfluentFrame.firstMessage
            if let flaw = isFirst ? flaw : Self.flaw(of: schema, path, message, type) { throw flaw }
        }

        /// Namespaces may be others; names have to be ours (Apache Avro 1.12, "Schema Resolution").
        private static func flaw(
            of schema: RegisteredSchema, _ path: [Int], _ message: String, _ type: String
        ) -> SchemaLookupError? {
            var name = ""
            switch schema.definition {
            case .protobuf(let file):
                var messages = file.messages
                for index in path {
                    guard index < messages.count else { return .unknown("schema \(schema.id) has no message \(path)") }
                    name = messages[index].name
                    messages = messages[index].messages
                }
            case .avro(let document):
                guard case .record(let record)? = document.resolve(document.root)?.bare else {
                    return .unknown("schema \(schema.id) is of no record")
                }
                name = record.fullName.split(separator: ".").last.map(String.init) ?? ""
            }
            return name == message ? nil : .unknown("schema \(schema.id) is of \(name), not of \(type)")
        }
    }

    func presentVersion(of type: String) -> Int? { entries[type]?.version }

    private func entry(_ type: String) throws(SchemaLookupError) -> Entry {
        guard let entry = entries[type] else { throw .unknown("\(type) has no schema here") }
        return entry
    }

    // MARK: Writing

    /// Writes payloads one after the other, on one thread.
    final class Writer {
        private let schemas: SchemaPayloads
        private let buffer = PayloadBuffer()
        /// Of the last payload, which the next one often shares.
        private var last: (type: String, entry: Entry)?

        init(_ schemas: SchemaPayloads) { self.schemas = schemas }

        /// The payload of a record: what the topic has.
        ///
        /// - Throws: `SchemaLookupError` where there is no schema or no id of it now, `WireFormatError` and `JSONError` for
        ///   JSON that the schema can't say.
        func payload(
            ofJSON json: UnsafeRawBufferPointer, type: String, version: Int, format: SchemaFormat
        ) throws -> [UInt8] {
            let entry = try entry(type)
            guard version == entry.version else {
                throw SchemaLookupError.unknown("\(type) has a schema of version \(entry.version), not of \(version)")
            }
            let id = try schemas.id(of: entry, format)
            buffer.clear()
            ConfluentFrame.append(id: id, to: buffer)
            switch format {
            case .protobuf:
                ConfluentFrame.appendFirstMessage(to: buffer)
                try ProtobufEncoder.append(json, entry.plan, to: buffer)
            case .avro: try AvroEncoder.append(json, entry.plan, to: buffer)
            }
            return buffer.array()
        }

        private func entry(_ type: String) throws(SchemaLookupError) -> Entry {
            if let last, last.type == type { return last.entry }
            let entry = try schemas.entry(type)
            last = (type, entry)
            return entry
        }
    }

    private func id(of entry: Entry, _ format: SchemaFormat) throws(SchemaLookupError) -> Int32 {
        let known =
            switch format {
            case .protobuf: entry.protobuf.load(ordering: .relaxed)
            case .avro: entry.avro.load(ordering: .relaxed)
            }
        if let id = Int32(exactly: known) { return id }
        let reference = SchemaReference(type: entry.type, version: entry.version, format: format)
        let id = try ids.id(of: reference)
        switch format {
        case .protobuf: entry.protobuf.store(Int64(id), ordering: .relaxed)
        case .avro: entry.avro.store(Int64(id), ordering: .relaxed)
        }
        return id
    }

    // MARK: Reading

    /// The payload as JSON.
    ///
    /// - Parameter format: that the record's content type names; nil for what the schema says.
    /// - Throws: `SchemaLookupError.unavailable` where its schema can't be asked for now; for anything else it can never be
    ///   read.
    func json(of payload: [UInt8], type: String, version: Int, format: SchemaFormat?) throws -> [UInt8] {
        let entry = try entry(type)
        return try payload.withUnsafeBytes { bytes in
            guard ConfluentFrame.isFramed(bytes) else { return try unframed(bytes, entry, version, format) }
            let (id, rest) = try ConfluentFrame.open(bytes)
            let reading = try reading(id, entry)
            guard format == nil || format == reading.format else {
                throw Mismatch(id: id, is: reading.format, type: type)
            }
            var (path, message) = (ConfluentFrame.firstMessage, rest)
            if reading.format == .protobuf { (path, message) = try ConfluentFrame.openMessage(rest) }
            try reading.check(path)
            switch version == entry.version ? reading.present : reading.written {
            case .none(let error): throw error
            case .protobuf(let plan): return try ProtobufDecoder.json(message, plan, limit: PayloadCodecs.limit)
            case .avro(let plan): return try AvroDecoder.json(message, by: plan, limit: PayloadCodecs.limit)
            }
        }
    }

    /// A message of Protocol Buffers says by itself which fields it has. Avro's data say nothing without a schema.
    private func unframed(
        _ bytes: UnsafeRawBufferPointer, _ entry: Entry, _ version: Int, _ format: SchemaFormat?
    ) throws -> [UInt8] {
        guard format == .protobuf else {
            throw SchemaLookupError.unknown("it names no schema (magic byte 0 and an id)")
        }
        guard version == entry.version else {
            throw SchemaLookupError.unknown("\(entry.type) has a schema of version \(entry.version), not of \(version)")
        }
        return try ProtobufDecoder.json(bytes, entry.plan, limit: PayloadCodecs.limit)
    }

    private func reading(_ id: Int32, _ entry: Entry) throws(SchemaLookupError) -> Reading {
        if let known = entry.readings.withLock({ $0[id] }) { return known }
        let reading = Reading(try schema(of: id), entry)
        entry.readings.withLock { readings in
            if readings.count >= Self.readings { readings.removeAll() }
            readings[id] = reading
        }
        return reading
    }

    /// Asked at most twice a second while nobody answers: a batch has hundreds of records.
    private func schema(of id: Int32) throws(SchemaLookupError) -> RegisteredSchema {
        guard askingAgain.withLock({ $0 }) <= .now else { throw .unavailable("the schema registry doesn't answer") }
        do throws(SchemaLookupError) {
            return try ids.schema(of: id)
        } catch {
            if case .unavailable = error { askingAgain.withLock { $0 = .now + Self.pause } }
            throw error
        }
    }

    private struct Mismatch: Error, CustomStringConvertible {
        let description: String

        init(id: Int32, is format: SchemaFormat, type: String) {
            description = "schema \(id) of this \(type) is \(format.rawValue), its content type isn't"
        }
    }
}

extension SchemaPayloads.Reading.Plan {
    fileprivate init(_ make: () throws(WireFormatError) -> Self) {
        do throws(WireFormatError) {
            self = try make()
        } catch {
            self = .none(error)
        }
    }
}
