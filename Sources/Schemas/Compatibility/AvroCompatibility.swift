/// Whether every value that a schema of Avro can write is read by another: the rules of the specification (Apache Avro
/// 1.12, "Schema Resolution"), for all values at once. Logical types don't count: the bytes stay what they are.
struct AvroCompatibility {
    private let reader: AvroDocument
    private let writer: AvroDocument
    /// Pairs of names that are being compared, or were: what refers to itself is compared once.
    private var seen: Set<[String]> = []

    static func flaws(reader: AvroDocument, writer: AvroDocument) -> [Incompatibility] {
        var comparison = AvroCompatibility(reader: reader, writer: writer)
        return comparison.flaws(reader.root, writer.root, at: "")
    }

    private init(reader: AvroDocument, writer: AvroDocument) {
        self.reader = reader
        self.writer = writer
    }

    private mutating func flaws(_ reader: AvroSchema, _ writer: AvroSchema, at path: String) -> [Incompatibility] {
        let (read, written) = (self.reader.resolve(reader.bare)?.bare, self.writer.resolve(writer.bare)?.bare)
        guard let read, let written else { return mismatch(reader, writer, path) }
        switch (read, written) {
        case (_, .union(let branches)):
            return branches.enumerated().flatMap { flaws(read, $1, at: "\(path)/\($0)") }
        case (.union(let branches), _):
            var comparison = self
            // A record goes to the branch of its name, so that what is said is why that one doesn't fit.
            let found = branches.map { comparison.flaws($0, written, at: path) }
            if found.contains(where: \.isEmpty) { return [] }
            if let index = branches.firstIndex(where: { isNamed($0, as: written) }) { return found[index] }
            return [
                Incompatibility(
                    path: path, rule: "missing_union_branch",
                    detail: "the reader's union has no branch for the writer's \(written.kind)")
            ]
        case (.array(let one), .array(let other)): return flaws(one, other, at: path + "/items")
        case (.map(let one), .map(let other)): return flaws(one, other, at: path + "/values")
        case (.record(let one), .record(let other)): return flaws(one, other, at: path)
        case (.enumeration(let one), .enumeration(let other)): return flaws(one, other, at: path)
        case (.fixed(let one), .fixed(let other)):
            guard Self.sameName(one.fullName, one.aliases, other.fullName) else {
                return nameMismatch(one.fullName, other.fullName, path)
            }
            return one.size == other.size
                ? []
                : [
                    Incompatibility(
                        path: path, rule: "fixed_size_mismatch",
                        detail: "the reader expects \(one.size) bytes, the writer writes \(other.size)")
                ]
        default: return Self.isPromoted(written, to: read) ? [] : mismatch(read, written, path)
        }
    }

    // MARK: Types with names

    private mutating func flaws(_ reader: AvroRecord, _ writer: AvroRecord, at path: String) -> [Incompatibility] {
        guard Self.sameName(reader.fullName, reader.aliases, writer.fullName) else {
            return nameMismatch(reader.fullName, writer.fullName, path)
        }
        guard seen.insert([reader.fullName, writer.fullName]).inserted else { return [] }
        return reader.fields.flatMap { field -> [Incompatibility] in
            let names = [field.name] + field.aliases
            if let written = names.lazy.compactMap({ name in writer.fields.first { $0.name == name } }).first {
                return flaws(field.schema, written.schema, at: "\(path)/\(field.name)")
            }
            if field.defaultValue != nil { return [] }
            return [
                Incompatibility(
                    path: "\(path)/\(field.name)", rule: "reader_field_missing_default_value",
                    detail: "the writer has no such field, and the reader no default for it")
            ]
        }
    }

    private func flaws(_ reader: AvroEnumeration, _ writer: AvroEnumeration, at path: String) -> [Incompatibility] {
        guard Self.sameName(reader.fullName, reader.aliases, writer.fullName) else {
            return nameMismatch(reader.fullName, writer.fullName, path)
        }
        let missing = writer.symbols.filter { !reader.symbols.contains($0) }
        guard !missing.isEmpty, reader.defaultSymbol == nil else { return [] }
        return [
            Incompatibility(
                path: path, rule: "missing_enum_symbols",
                detail: "the reader doesn't know \(missing.joined(separator: ", ")), and has no default symbol")
        ]
    }

    private func isNamed(_ branch: AvroSchema, as written: AvroSchema) -> Bool {
        switch (reader.resolve(branch.bare)?.bare, written) {
        case (.record(let one), .record(let other)): Self.sameName(one.fullName, one.aliases, other.fullName)
        case (.enumeration(let one), .enumeration(let other)): Self.sameName(one.fullName, one.aliases, other.fullName)
        case (.fixed(let one), .fixed(let other)): Self.sameName(one.fullName, one.aliases, other.fullName)
        default: false
        }
    }

    /// Without their namespaces, or by an alias of the reader's.
    private static func sameName(_ reader: String, _ aliases: [String], _ writer: String) -> Bool {
        AvroName.simple(reader) == AvroName.simple(writer) || aliases.contains(writer)
    }

    /// Whether one type is read as another: each as itself, numbers as larger ones, text and bytes as each other.
    private static func isPromoted(_ writer: AvroSchema, to reader: AvroSchema) -> Bool {
        switch (writer, reader) {
        case (.null, .null), (.boolean, .boolean): true
        case (.int, .int), (.int, .long), (.int, .float), (.int, .double): true
        case (.long, .long), (.long, .float), (.long, .double): true
        case (.float, .float), (.float, .double), (.double, .double): true
        case (.string, .string), (.string, .bytes), (.bytes, .bytes), (.bytes, .string): true
        default: false
        }
    }

    private func mismatch(_ reader: AvroSchema, _ writer: AvroSchema, _ path: String) -> [Incompatibility] {
        [
            Incompatibility(
                path: path, rule: "type_mismatch",
                detail: "the writer's \(writer.kind) is no \(reader.kind) of the reader's"
            )
        ]
    }

    private func nameMismatch(_ reader: String, _ writer: String, _ path: String) -> [Incompatibility] {
        [
            Incompatibility(
                path: path, rule: "name_mismatch", detail: "the writer's \(writer) is no \(reader) of the reader's")
        ]
    }
}
