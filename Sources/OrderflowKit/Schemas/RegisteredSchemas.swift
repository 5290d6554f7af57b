import Execution
import Logging
import Postgres
import Schemas

/// The ids of schemas in one process: ours by the registry, or by themselves where none is configured, and everybody
/// else's as records name them.
///
/// Once an id is known it is kept in memory and in the service's database, and nobody is asked again: a registry that is
/// away holds up neither who writes nor who reads what is known. Schemas of this program that have no id yet get theirs
/// from `run`, on a thread of its own; until then `id(of:)` says that it isn't to be had.
package final class RegisteredSchemas: SchemaIDs {
    private struct State {
        var ids: [SchemaReference: Int32] = [:]
        var schemas: [Int32: RegisteredSchema] = [:]
        /// Ids that the registry has said it doesn't have, and until when that is believed.
        var missing: [Int32: (words: String, until: ContinuousClock.Instant)] = [:]
        /// Why an id that a record names couldn't be asked for the last time, and until when that is news: who waits for
        /// it asks again, and records may go to another process. Nil since it could.
        var unanswered: (words: String, until: ContinuousClock.Instant)?
        /// Why schemas of ours have no id yet.
        var unregistered: String?
        /// The database has been read.
        var isRestored = false
    }

    /// Foreign schemas in memory; beyond that one is forgotten and found in the database again.
    private static let limit = 10_000
    /// An id that isn't there may be by then; until then records that name it cost the registry nothing.
    private static let missingInterval: Duration = .seconds(30)

    /// Longer than who waits for a schema takes to ask again.
    private static let unansweredInterval: Duration = .seconds(60)

    private let own: OwnSchemaIDs
    private let formats: Set<SchemaFormat>
    private let registry: RegistryClient?
    private let store: SchemaStore?
    private let logger: Logger
    private let state = Monitor(State())

    /// - Parameters:
    ///   - formats: that the program sends, and so needs ids for; others are read all the same.
    ///   - registry: nil where the ids are our own.
    ///   - database: of the service; nil for a command, which keeps nothing.
    package init(
        _ own: OwnSchemaIDs, sending formats: Set<SchemaFormat>, registry: RegistryClient?,
        database: PostgresConfiguration?, logger: Logger
    ) {
        self.own = own
        self.formats = formats
        self.registry = registry
        self.logger = logger
        store = database.map { SchemaStore(database: $0, registry: registry?.url ?? SchemaStore.own, logger: logger) }
    }

    // MARK: Looking up

    package func id(of reference: SchemaReference) throws(SchemaLookupError) -> Int32 {
        // For a schema of nobody's there will never be one.
        let ownID = try own.id(of: reference)
        guard registry != nil else { return ownID }
        let (id, reason) = state.withLock { ($0.ids[reference], $0.unregistered) }
        guard let id else { throw .unavailable(reason ?? "\(reference) is not registered yet") }
        return id
    }

    package func schema(of id: Int32) throws(SchemaLookupError) -> RegisteredSchema {
        if let known = state.withLock({ $0.schemas[id] }) { return known }
        // Of this program, by an id of our own: records from when there was no registry have it.
        if let known = try? own.schema(of: id) { return known }
        if let kept = try kept(id) { return remember(kept) }
        guard let registry else {
            throw .unknown(
                "no schema here has the id \(id), and there is no registry to ask (schemas.registry_url); records of a later "
                    + "release can be retried once this one is updated")
        }
        if let words = known(missing: id) { throw .unknown(words) }
        return try ask(registry, for: id)
    }

    private func known(missing id: Int32) -> String? {
        state.withLock { state in
            guard let missing = state.missing[id] else { return nil }
            if missing.until > .now { return missing.words }
            state.missing[id] = nil
            return nil
        }
    }

    private func ask(_ registry: RegistryClient, for id: Int32) throws(SchemaLookupError) -> RegisteredSchema {
        let found: (text: String, format: SchemaFormat)
        do throws(RegistryClient.Failure) {
            found = try registry.schema(of: id)
        } catch .away(let words) {
            state.withLock { $0.unanswered = ("schema \(id): \(words)", .now + Self.unansweredInterval) }
            throw .unavailable("schema \(id): \(words)")
        } catch {
            let words = "the schema registry at \(registry.url) has no schema \(id) for us: \(error)"
            state.withLock { state in
                state.unanswered = nil
                if state.missing.count >= Self.limit { state.missing.removeAll() }
                state.missing[id] = (words, .now + Self.missingInterval)
            }
            throw .unknown(words)
        }
        let entry = SchemaStore.Entry(id: id, format: found.format, text: found.text, subject: nil)
        let schema = remember(try parsed(entry))
        do {
            try store?.keep([entry], of: registry.url)
        } catch {
            // It is known to this process, and will be asked for again by the next.
            logger.warning("schema_not_kept", metadata: ["id": "\(id)", "error": "\(error)"])
        }
        return schema
    }

    /// What the database has of it. A database that is away is no reason not to ask the registry.
    private func kept(_ id: Int32) throws(SchemaLookupError) -> RegisteredSchema? {
        let entry: SchemaStore.Entry?
        do {
            entry = try store?.entry(of: id)
        } catch {
            guard registry != nil else { throw .unavailable("schema \(id): \(error)") }
            entry = nil
        }
        return try entry.map(parsed)
    }

    private func parsed(_ entry: SchemaStore.Entry) throws(SchemaLookupError) -> RegisteredSchema {
        do throws(SchemaSyntaxError) {
            return RegisteredSchema(id: entry.id, definition: try SchemaDefinition(parsing: entry.text, entry.format))
        } catch {
            throw .unknown("schema \(entry.id) can't be read as \(entry.format.rawValue): \(error)")
        }
    }

    @discardableResult
    private func remember(_ schema: RegisteredSchema) -> RegisteredSchema {
        state.withLock { state in
            state.unanswered = nil
            // Those of this program are in `ids`, and stay.
            if state.schemas.count >= Self.limit, let other = state.schemas.first(where: { $0.value.reference == nil })
            {
                state.schemas[other.key] = nil
            }
            state.schemas[schema.id] = schema
        }
        return schema
    }

    // MARK: Getting ids

    /// Gets an id for every schema of this program. Blocks the calling thread until `stop`.
    package func run(until stop: StopSignal) {
        var waits = Backoff(base: .milliseconds(200), cap: .seconds(15))
        while !stop.isStopped {
            do {
                try restore()
                try register()
                stop.wait(for: nil)
                return
            } catch {
                if registry != nil { state.withLock { $0.unregistered = "\(error)" } }
                if waits.attempt == 0 { logger.warning("schemas_without_ids", metadata: ["error": "\(error)"]) }
                stop.wait(for: waits.next())
            }
        }
    }

    /// Takes over what the database has of our schemas.
    private func restore() throws {
        guard let store, !state.withLock(\.isRestored) else { return }
        let kept = try store.ours()
        let texts = Dictionary(own.texts.map { ($0.text, $0) }, uniquingKeysWith: { first, _ in first })
        state.withLock { state in
            for (entry, isOwn) in kept where !isOwn {
                guard let text = texts[entry.text], text.subject == entry.subject else { continue }
                Self.take(entry.id, for: text, &state)
            }
            state.isRestored = true
        }
        // What this release writes by, for those to come.
        let ownKept = Set(kept.filter(\.isOwn).map(\.entry.id))
        let new = own.texts.map { ($0, OwnSchemaIDs.id(of: $0.text)) }.filter { !ownKept.contains($1) }
        try store.keep(
            new.map { .init(id: $1, format: $0.reference.format, text: $0.text, subject: $0.subject) },
            of: SchemaStore.own)
    }

    private static func take(_ id: Int32, for text: SchemaText, _ state: inout State) {
        state.ids[text.reference] = id
        state.schemas[id] = RegisteredSchema(id: id, definition: text.definition, reference: text.reference)
    }

    /// Asks for those that have none. One that the registry refuses keeps none of the others from theirs.
    private func register() throws {
        guard let registry else { return }
        let known = state.withLock(\.ids)
        var got: [SchemaStore.Entry] = []
        var refusal: (any Error)?
        defer {
            do {
                try store?.keep(got, of: registry.url)
            } catch {
                logger.warning("schemas_not_kept", metadata: ["count": "\(got.count)", "error": "\(error)"])
            }
        }
        for text in own.texts where formats.contains(text.reference.format) && known[text.reference] == nil {
            do throws(RegistryClient.Failure) {
                let id = try registry.id(of: text)
                got.append(.init(id: id, format: text.reference.format, text: text.text, subject: text.subject))
                state.withLock { Self.take(id, for: text, &$0) }
            } catch .away(let words) {
                throw RegistryClient.Failure.away(words)
            } catch {
                logger.error("schema_refused", metadata: ["subject": "\(text.subject)", "error": "\(error)"])
                refusal = refusal ?? RegistryClient.Failure.refused("\(text.subject): \(error)")
            }
        }
        if let refusal { throw refusal }
        state.withLock { $0.unregistered = nil }
        if !got.isEmpty { logger.info("schemas_registered", metadata: ["count": "\(got.count)"]) }
    }

    // MARK: How it fares

    /// What `/readyz` says: records that wait for a schema, and schemas that have no id yet.
    package var health: HealthStatus {
        state.withLock { state in
            if let unanswered = state.unanswered, unanswered.until > .now { return .notReady(unanswered.words) }
            if let words = state.unregistered { return .degraded("sent as JSON, without an id: \(words)") }
            return .ready
        }
    }

    /// Schemas that this program sends by and that have no id yet.
    package var missing: Int {
        guard registry != nil else { return 0 }
        let ids = state.withLock(\.ids)
        return own.texts.count { formats.contains($0.reference.format) && ids[$0.reference] == nil }
    }

    package var registryBreaker: CircuitBreaker? { registry?.breaker }
}

extension ServiceContext {
    /// The ids of schemas for a process of the service, with the part that gets them; `/readyz` and `/metrics` tell how it
    /// fares.
    ///
    /// - Parameter formats: that the service sends.
    package func schemas(sending formats: Set<SchemaFormat>) -> (ids: RegisteredSchemas, part: ThreadGroup.Part) {
        let ids = settings.schemaIDs(sending: formats, database: database, logger: logger)
        if let breaker = ids.registryBreaker {
            health.register("schemas") { ids.health }
            collectors.watch(breaker)
        }
        collectors.add { scrape in scrape.gauge("orderflow_schemas_without_id", value: ids.missing) }
        return (ids, ThreadGroup.Part("schemas") { ids.run(until: $0) })
    }
}

extension Settings {
    /// The ids of schemas for a command, which reads records and keeps nothing.
    package var schemaIDsForReading: RegisteredSchemas {
        // Each service's has those of releases before; which of them is asked makes no difference.
        schemaIDs(
            sending: [], database: services.databases.first.flatMap { try? database(of: $0) },
            logger: Logger(label: "schemas"))
    }

    /// The ids of schemas for one process.
    ///
    /// - Parameters:
    ///   - formats: that it sends.
    ///   - database: of its service; nil for a command.
    package func schemaIDs(
        sending formats: Set<SchemaFormat>, database: PostgresConfiguration? = nil, logger: Logger
    ) -> RegisteredSchemas {
        let registry = schemas.registryURL.map { url in
            RegistryClient(url: url, schemas) { state in
                logger.warning(
                    "circuit_changed", metadata: ["circuit": "schema_registry", "state": "\(state.rawValue)"])
            }
        }
        return RegisteredSchemas(
            services.schemas, sending: formats, registry: registry, database: database, logger: logger)
    }
}
