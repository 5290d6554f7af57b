import Logging

/// One field of a log line, flat: a dictionary's members become `key.member`.
struct LogField {
    let name: String
    let value: Value

    enum Value {
        case text(String)
        case integer(Int64)
        case flag(Bool)
        case list([String])
    }

    /// All fields of an event, by name: the provider's, over them the logger's, over them the call's own.
    static func all(of event: LogEvent, _ metadata: Logger.Metadata, _ provider: Logger.MetadataProvider?) -> [LogField]
    {
        var merged = provider?.get() ?? [:]
        merged.merge(metadata) { $1 }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error, merged["error"] == nil { merged["error"] = "\(error)" }
        var fields: [LogField] = []
        fields.reserveCapacity(merged.count)
        for (name, value) in merged { append(LogText.name(name), value, to: &fields) }
        return fields.sorted { $0.name < $1.name }
    }

    private static func append(_ name: String, _ value: Logger.MetadataValue, to fields: inout [LogField]) {
        switch value {
        case .string(let text): fields.append(LogField(name: name, value: .text(text)))
        case .stringConvertible(let value as Bool): fields.append(LogField(name: name, value: .flag(value)))
        case .stringConvertible(let value as any BinaryInteger):
            let field = Int64(exactly: value).map { Value.integer($0) } ?? .text("\(value)")
            fields.append(LogField(name: name, value: field))
        case .stringConvertible(let value): fields.append(LogField(name: name, value: .text("\(value)")))
        case .array(let values): fields.append(LogField(name: name, value: .list(values.map { "\($0)" })))
        case .dictionary(let members):
            for (member, value) in members { append("\(name).\(LogText.name(member))", value, to: &fields) }
        }
    }
}
