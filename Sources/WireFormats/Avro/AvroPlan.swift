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
    case record([AvroFieldStep])
    case union([AvroStep])
    /// Isn't there.
    case null
    /// Can't be read as what is wanted, and why.
    case mismatch(String)
}

struct AvroFieldStep: Sendable {
    /// Nil for what the reader hasn't, which is passed over.
    let target: Target?
    let writer: AvroSchema

    struct Target: Sendable {
        let name: String
        /// `"name":`.
        let member: [UInt8]
        let step: AvroStep
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
    ) throws(WireFormatError) -> [AvroFieldStep] {
        var steps: [AvroFieldStep] = []
        for field in writer.fields {
            guard let own = reader.fields.first(where: { $0.name == field.name }) else {
                steps.append(AvroFieldStep(target: nil, writer: field.schema))
                continue
            }
            steps.append(
                AvroFieldStep(
                    target: .init(name: own.name, member: own.member, step: try step(field.schema, own.value)),
                    writer: field.schema))
        }
        return steps
    }
}
