import JSON
import Schemas

/// How data that were written by one schema are read by ours (Apache Avro 1.12, "Schema Resolution"): fields find each
/// other by name, and numbers may grow.
///
/// More lenient than the rules where nothing is lost: an integer is an amount, any of the timestamps is a time, and a
/// member that the writer hasn't stays away, whose reader says whether it can do without.
package final class AvroPlan: Sendable {
    let root: AvroStep
    let document: AvroDocument

    /// - Parameter writer: what the data were written by.
    /// - Throws: where no datum of the writer's could be read as ours.
    package init(_ writer: AvroDocument, as reader: RecordPlan) throws(WireFormatError) {
        document = writer
        var resolution = Resolution(document: writer)
        root = try resolution.step(writer.root, .record(reader))
        guard case .record = root else { throw WireFormatError("is no record in its writer's schema") }
    }
}

/// What is done with the next value in the writer's bytes.
indirect enum AvroStep: Sendable {
    /// Of the UTF-8 of a string or of bytes.
    case text, amount, json
    case bool, int32, int64
    case float, double
    /// - Parameter unit: microseconds of one of the writer's, or nanoseconds where it is 0.
    case time(unit: Int64)
    case list(AvroStep)
    case record(AvroRecordStep)
    case union([AvroStep])
    /// Isn't there.
    case null
    /// Can't be read as what is wanted, and why.
    case mismatch(String)
}

final class AvroRecordStep: Sendable {
    /// What is done with the next field. It holds no references: nothing is counted where payloads are walked.
    struct Field: Sendable {
        /// In the reader's plan; nil for what the reader hasn't, which is passed over.
        let place: Int?
        /// Nil where it takes a look at the field's step.
        let scalar: AvroScalar?
        /// A union of null and the scalar stands before it.
        let isOptional: Bool
    }

    let reader: RecordPlan
    /// In the writer's order.
    let fields: [Field]
    /// Of the same fields.
    let steps: [AvroStep]
    let writers: [AvroSchema]

    /// - Parameter steps: how each of the writer's fields is read as the reader's at a place; nil for those that the reader
    ///   hasn't.
    init(_ reader: RecordPlan, _ steps: [(place: Int, step: AvroStep)?], writers: [AvroSchema]) {
        self.reader = reader
        self.writers = writers
        self.steps = steps.map { $0?.step ?? .null }
        fields = steps.map { target in
            guard let target else { return Field(place: nil, scalar: nil, isOptional: false) }
            if case .union(let branches) = target.step, branches.count == 2, case .null = branches[0],
                let scalar = AvroScalar(branches[1])
            {
                return Field(place: target.place, scalar: scalar, isOptional: true)
            }
            return Field(place: target.place, scalar: AvroScalar(target.step), isOptional: false)
        }
    }
}

/// The usual values.
enum AvroScalar: UInt8, Sendable {
    case text, amount, json, bool, int32, int64, double
    /// Microseconds.
    case time

    init?(_ step: AvroStep) {
        switch step {
        case .text: self = .text
        case .amount: self = .amount
        case .json: self = .json
        case .bool: self = .bool
        case .int32: self = .int32
        case .int64: self = .int64
        case .double: self = .double
        case .time(unit: 1): self = .time
        default: return nil
        }
    }
}

private struct Resolution {
    let document: AvroDocument
    private var depth = 0

    init(document: AvroDocument) { self.document = document }

    /// Unions of unions are no schema, and the reader's schema ends: this is for a writer's that nobody has checked.
    private static let depthLimit = 64

    mutating func step(_ writer: AvroSchema, _ reader: ValuePlan) throws(WireFormatError) -> AvroStep {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else { throw WireFormatError("is nested too deep in its writer's schema") }
        guard let writer = document.resolve(writer) else { return .mismatch("has a type that isn't declared") }
        if case .union(let branches) = writer {
            var steps: [AvroStep] = []
            for branch in branches { steps.append(try step(branch, reader)) }
            return .union(steps)
        }
        if case .null = writer { return .null }
        return switch (reader, writer.bare) {
        case (.text, .string), (.text, .bytes): .text
        case (.amount, .string), (.amount, .bytes):
            if case .logical(let type, _) = writer, type.name == "decimal" {
                .mismatch("is a binary decimal in its writer's schema, and decimal text here")
            } else {
                .amount
            }
        case (.json, .string), (.json, .bytes): .json
        case (.bool, .boolean): .bool
        case (.int32, .int), (.int32, .long): .int32
        case (.int64, .int), (.int64, .long), (.amount, .int), (.amount, .long): .int64
        case (.double, .int), (.double, .long): .int64
        case (.double, .float): .float
        case (.double, .double): .double
        case (.time, .int), (.time, .long): .time(unit: unit(of: writer))
        case (.list(let element), .array(let items)): .list(try step(items, element))
        case (.record(let plan), .record(let record)): .record(try fields(of: record, plan))
        default: .mismatch("is of another type in its writer's schema")
        }
    }

    private func unit(of writer: AvroSchema) -> Int64 {
        guard case .logical(let type, _) = writer else { return 1 }
        return switch type.name {
        case "timestamp-millis": 1_000
        case "timestamp-nanos": 0
        default: 1
        }
    }

    private mutating func fields(
        of writer: AvroRecord, _ reader: RecordPlan
    ) throws(WireFormatError) -> AvroRecordStep {
        var steps: [(place: Int, step: AvroStep)?] = []
        for field in writer.fields {
            if let place = reader.names.names.firstIndex(of: field.name) {
                steps.append((place, try step(field.schema, reader.values[place])))
            } else {
                steps.append(nil)
            }
        }
        return AvroRecordStep(reader, steps, writers: writer.fields.map(\.schema))
    }
}
