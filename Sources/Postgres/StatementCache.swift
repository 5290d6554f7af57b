/// Which SQL texts this session has prepared, under which names. Bounded: the least recently used goes first.
///
/// One text can have several entries, for the declared types of its parameters are part of what was prepared.
struct StatementCache {
    struct Entry {
        let name: String
        let types: [UInt32]
        var lastUse: UInt64
    }

    let limit: Int
    private var entries: [String: [Entry]] = [:]
    private(set) var count = 0
    private var clock: UInt64 = 0
    private var created: UInt64 = 0
    /// Names that the server still holds and nobody will use again.
    private(set) var discarded: [String] = []

    init(limit: Int) { self.limit = limit }

    /// The name under which this SQL was prepared for parameters of these types.
    mutating func name(for sql: String, _ parameters: [Parameter]) -> String? {
        guard let index = entries.index(forKey: sql) else { return nil }
        clock += 1
        let variants = entries.values[index]
        for position in variants.indices where variants[position].fits(parameters) {
            entries.values[index][position].lastUse = clock
            return variants[position].name
        }
        return nil
    }

    /// A name that the session has never used.
    mutating func newName() -> String {
        created += 1
        return "s\(created)"
    }

    /// Remembers what the server has accepted.
    mutating func insert(_ sql: String, _ parameters: [Parameter], name: String) {
        if count >= limit { evict() }
        clock += 1
        entries[sql, default: []].append(Entry(name: name, types: parameters.map(\.type), lastUse: clock))
        count += 1
    }

    /// Takes back an `insert` that the server refused.
    mutating func forget(name: String, sql: String) {
        guard let position = entries[sql]?.firstIndex(where: { $0.name == name }) else {
            discarded.removeAll { $0 == name }
            return
        }
        entries[sql]?.remove(at: position)
        if entries[sql]?.isEmpty == true { entries[sql] = nil }
        count -= 1
    }

    /// The server can't run it any more, but still holds the name.
    mutating func discard(_ sql: String) {
        guard let variants = entries.removeValue(forKey: sql) else { return }
        count -= variants.count
        discarded += variants.map(\.name)
    }

    /// The server has forgotten every statement (DISCARD ALL, DEALLOCATE ALL).
    mutating func forgetAll() {
        entries = [:]
        count = 0
        discarded = []
    }

    /// The names to deallocate, a few at a time.
    mutating func takeDiscarded() -> ArraySlice<String> {
        let taken = discarded.suffix(16)
        discarded.removeLast(taken.count)
        return taken
    }

    private mutating func evict() {
        var oldest: (sql: String, position: Int, use: UInt64)?
        for (sql, variants) in entries {
            for (position, entry) in variants.enumerated() where entry.lastUse < oldest?.use ?? .max {
                oldest = (sql, position, entry.lastUse)
            }
        }
        guard let oldest, let removed = entries[oldest.sql]?.remove(at: oldest.position) else { return }
        if entries[oldest.sql]?.isEmpty == true { entries[oldest.sql] = nil }
        count -= 1
        discarded.append(removed.name)
    }
}

extension StatementCache.Entry {
    /// An untyped NULL fits whatever type its place was prepared with.
    fileprivate func fits(_ parameters: [Parameter]) -> Bool {
        guard types.count == parameters.count else { return false }
        for index in types.indices where types[index] != parameters[index].type {
            guard parameters[index].type == TypeOID.unspecified else { return false }
        }
        return true
    }
}
