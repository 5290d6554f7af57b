/// Whether messages that one schema of Protocol Buffers writes are read by another: by the rules of the language
/// ("Updating A Message Type"), as strictly as Confluent's registry takes them: a message is not its bytes, required
/// fields neither come nor go, and alternatives aren't taken away. Stricter than that, as the language's own rules are:
/// a field keeps its number.
struct ProtoCompatibility {
    private let reader: ProtoFile
    private let writer: ProtoFile
    private let isWriterOlder: Bool
    private var seen: Set<[String]> = []

    /// - Parameter isWriterOlder: what the writer reserves was something else before, then, and not what has just gone.
    static func flaws(reader: ProtoFile, writer: ProtoFile, isWriterOlder: Bool) -> [Incompatibility] {
        var comparison = ProtoCompatibility(reader: reader, writer: writer, isWriterOlder: isWriterOlder)
        return comparison.flaws(reader.messages, writer.messages, (reader.package, writer.package), at: "")
    }

    private init(reader: ProtoFile, writer: ProtoFile, isWriterOlder: Bool) {
        self.reader = reader
        self.writer = writer
        self.isWriterOlder = isWriterOlder
    }

    private func flaw(_ path: String, _ rule: String, _ detail: String) -> Incompatibility {
        Incompatibility(path: path, rule: rule, detail: detail)
    }

    private typealias Scopes = (reader: String, writer: String)

    private mutating func flaws(
        _ reader: [ProtoMessage], _ writer: [ProtoMessage], _ scopes: Scopes, at path: String
    ) -> [Incompatibility] {
        writer.flatMap { old -> [Incompatibility] in
            let path = "\(path)/\(old.name)"
            guard let new = reader.first(where: { $0.name == old.name }) else {
                return [flaw(path, "message_removed", "the reader has no such message")]
            }
            return flaws(
                new, old, (ProtoFile.join(scopes.reader, new.name), ProtoFile.join(scopes.writer, old.name)), at: path)
        }
    }

    private mutating func flaws(
        _ reader: ProtoMessage, _ writer: ProtoMessage, _ scopes: Scopes, at path: String
    ) -> [Incompatibility] {
        guard seen.insert([scopes.reader, scopes.writer]).inserted else { return [] }
        var flaws: [Incompatibility] = []
        for field in reader.fields {
            let place = "\(path)/\(field.name)"
            if let old = writer.fields.first(where: { $0.name == field.name }), old.number != field.number {
                flaws.append(flaw(place, "field_number_changed", "number \(old.number) has become \(field.number)"))
            } else if let old = writer.fields.first(where: { $0.number == field.number }) {
                flaws += self.flaws(field, old, scopes, at: place)
            } else {
                flaws += added(field, to: writer, at: place)
            }
        }
        for field in writer.fields where !reader.fields.contains(where: { $0.number == field.number }) {
            flaws += removed(
                field, at: "\(path)/\(field.name)", keepsGroup: reader.fields.contains { $0.oneof == field.oneof })
        }
        return flaws + groups(reader, writer, at: path)
            + self.flaws(reader.messages, writer.messages, scopes, at: path)
    }

    // MARK: Fields that come and go

    private func added(_ field: ProtoField, to writer: ProtoMessage, at path: String) -> [Incompatibility] {
        if isWriterOlder, writer.reservedNumbers.contains(where: { $0.contains(field.number) }) {
            return [flaw(path, "reserved_number_used", "number \(field.number) was another field's, and is reserved")]
        }
        if isWriterOlder, writer.reservedNames.contains(field.name) {
            return [flaw(path, "reserved_name_used", "\(field.name) was another field's, and is reserved")]
        }
        guard field.label == .required else { return [] }
        return [flaw(path, "required_field_added", "the writer never writes it, and the reader can't do without")]
    }

    /// - Parameter keepsGroup: whether the alternatives that it was one of are still there.
    private func removed(_ field: ProtoField, at path: String, keepsGroup: Bool) -> [Incompatibility] {
        if field.label == .required {
            return [
                flaw(
                    path, "required_field_removed",
                    "readers by the other schema can't do without number \(field.number)")
            ]
        }
        guard let group = field.oneof, keepsGroup else { return [] }
        return [flaw(path, "oneof_field_removed", "\(group) seems empty where this alternative was chosen")]
    }

    /// What alternatives there are: two fields that could both be there can't become two of them.
    private func groups(_ reader: ProtoMessage, _ writer: ProtoMessage, at path: String) -> [Incompatibility] {
        var flaws: [Incompatibility] = []
        for group in Set(reader.fields.compactMap(\.oneof)).sorted() {
            let old = reader.fields.filter { $0.oneof == group }.compactMap { field in
                writer.fields.first { $0.number == field.number }
            }
            let moved = old.filter { $0.oneof == nil }
            let existing = old.filter { $0.oneof != nil }
            if moved.count > 1 {
                let names = moved.map(\.name).joined(separator: ", ")
                flaws.append(
                    flaw("\(path)/\(group)", "multiple_fields_moved_to_oneof", "\(names) could all be there at once"))
            } else if let field = moved.first, !existing.isEmpty {
                flaws.append(
                    flaw(
                        "\(path)/\(group)", "field_moved_to_existing_oneof",
                        "\(field.name) could be there beside another alternative"))
            }
        }
        return flaws
    }

    // MARK: Fields that stay

    private mutating func flaws(
        _ reader: ProtoField, _ writer: ProtoField, _ scopes: Scopes, at path: String
    ) -> [Incompatibility] {
        var flaws = typeFlaws(reader.type, writer.type, scopes, at: path)
        if (reader.label == .required) != (writer.label == .required) {
            let rule = reader.label == .required ? "required_field_added" : "required_field_removed"
            flaws.append(flaw(path, rule, "a field is required or not for ever"))
        }
        if (reader.label == .repeated) != (writer.label == .repeated), isNumber(reader.type, scopes.reader) {
            flaws.append(
                flaw(
                    path, "field_numeric_label_changed",
                    "one number and several are written in different ways (packed), which readers take for no value"))
        }
        return flaws
    }

    /// Several numbers are packed; of several texts or messages a reader of one takes the last.
    private func isNumber(_ type: ProtoType, _ scope: String) -> Bool {
        if case .scalar(let wire) = kind(type, in: reader, scope) { wire != .text } else { false }
    }

    private mutating func typeFlaws(
        _ reader: ProtoType, _ writer: ProtoType, _ scopes: Scopes, at path: String
    ) -> [Incompatibility] {
        let read = kind(reader, in: self.reader, scopes.reader)
        let written = kind(writer, in: self.writer, scopes.writer)
        switch (read, written) {
        case (.scalar(let one), .scalar(let other)):
            guard one != other else { return [] }
            return [flaw(path, "field_scalar_kind_changed", "\(writer.text) is written otherwise than \(reader.text)")]
        case (.map(let key, let value), .map(let oldKey, let oldValue)):
            return typeFlaws(key, oldKey, scopes, at: path + "/key")
                + typeFlaws(value, oldValue, scopes, at: path + "/value")
        case (.message(let one, let place), .message(let other, let oldPlace)):
            let isSame = Self.local(place, self.reader.package) == Self.local(oldPlace, self.writer.package)
            guard isSame, let one, let other else {
                return isSame ? [] : [flaw(path, "field_named_type_changed", "\(oldPlace) has become \(place)")]
            }
            return flaws(one, other, (place, oldPlace), at: path)
        default: return [flaw(path, "field_kind_changed", "\(writer.text) has become \(reader.text)")]
        }
    }

    /// How values lie on the wire; types of one kind are read as each other, as far as their values fit.
    private enum Wire: Hashable {
        case varint, zigzag, text, fixed32, fixed64, float, double
    }

    private enum Kind {
        case scalar(Wire)
        /// Without a message where it isn't in the file.
        case message(ProtoMessage?, path: String)
        case map(ProtoType, ProtoType)
    }

    private func kind(_ type: ProtoType, in file: ProtoFile, _ scope: String) -> Kind {
        switch type {
        case .int32, .int64, .uint32, .uint64, .bool: .scalar(.varint)
        case .sint32, .sint64: .scalar(.zigzag)
        case .string, .bytes: .scalar(.text)
        case .fixed32, .sfixed32: .scalar(.fixed32)
        case .fixed64, .sfixed64: .scalar(.fixed64)
        case .float: .scalar(.float)
        case .double: .scalar(.double)
        case .map(let key, let value): .map(key, value)
        case .named(let name):
            switch file.resolve(name, in: scope) {
            case .enumeration: .scalar(.varint)
            case .message(let message, let path): .message(message, path: path)
            case .wellKnown(let path): .message(nil, path: path)
            case nil: .message(nil, path: name)
            }
        }
    }

    private static func local(_ path: String, _ package: String) -> String {
        path.hasPrefix(package + ".") ? String(path.dropFirst(package.count + 1)) : path
    }
}
