extension SchemaField {
    /// What readers of the schema in another format have to know.
    var note: String {
        let form: String? =
            switch type {
            case .amount: "Exact decimal text, with all digits that the currency has."
            case .json: "JSON (RFC 8259) as text."
            default: nil
            }
        return [summary, form ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    }
}

extension RecordSchema {
    /// The records that its members are made of, each once, in the order of their first use.
    var nested: [RecordSchema] {
        var found: [RecordSchema] = []
        for field in fields {
            if let record = field.type.record, !found.contains(where: { $0.name == record.name }) {
                found.append(record)
            }
        }
        return found
    }

    /// Whether a value of such a type is in it, however deep.
    func contains(_ matches: (SchemaType) -> Bool) -> Bool { fields.contains { $0.type.contains(matches) } }
}

extension SchemaType {
    /// Of the value, or of the elements of a list; not of lists in lists.
    fileprivate var record: RecordSchema? {
        switch self {
        case .record(let record), .list(.record(let record)): record
        default: nil
        }
    }

    fileprivate func contains(_ matches: (SchemaType) -> Bool) -> Bool {
        if matches(self) { return true }
        return switch self {
        case .list(let element): element.contains(matches)
        case .record(let record): record.contains(matches)
        default: false
        }
    }
}
