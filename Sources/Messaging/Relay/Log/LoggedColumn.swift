/// Where a column that the relay reads comes from when its row is in the log, which has no expressions.
enum LoggedColumn: Sendable {
    /// The table's column of that name.
    case named(String)
    /// The table's `stream_id`, without its `category` in front where it has it there.
    case streamKey
    /// NULL.
    case nothing
}

extension RelaySource {
    /// What `columns` are, in the same order.
    var logged: [LoggedColumn] {
        let shared: [LoggedColumn] = ["type", "schema_version", "data", "metadata"].map { .named($0) }
        let last: [LoggedColumn] = [.named("raw"), .named("content_type")]
        return isOutbox
            ? [.named("topic"), .named("key")] + shared + [.nothing] + last
            : [.named("category"), .streamKey] + shared + [.named("version")] + last
    }

    var isOutbox: Bool { name == Self.outbox.name }

    /// The publication of its table's insertions.
    var publication: String { Self.publication(of: name) }

    static func publication(of source: String) -> String { "orderflow_relay_\(source)" }
}
