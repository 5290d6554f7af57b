import Execution
import JSON
import Messaging
import Outbound
import Postgres
import Schemas
import TestServers
import Testing

@testable import OrderflowKit

/// Ids of schemas by a registry that goes away and comes back, and by nobody.
@Suite(.blocking, .servers) struct RegisteredSchemasTests {
    private static let sent = MessageSchema(
        "ParcelSent", "", [.init(1, "orderId", .text), .init(2, "at", .time), .init(3, "price", .amount)])
    private static let lost = MessageSchema("ParcelLost", "", [.init(1, "orderId", .text)])
    private static let references = [sent, lost].flatMap { schema in
        SchemaFormat.allCases.map { SchemaReference(type: schema.type, version: 1, format: $0) }
    }

    private let database: PostgresConfiguration

    init() throws {
        database = try freshDatabase([
            Migration(version: 1, name: "messaging", sql: MessagingSchema.v1 + MessagingSchema.v2)
        ])
    }

    /// What a process of the program knows.
    private func process(
        _ url: String?, user: String? = nil, password: String? = nil, authorities: String? = nil,
        _ schemas: [MessageSchema] = [sent, lost], sending formats: Set<SchemaFormat> = [.protobuf, .avro]
    ) throws -> RegisteredSchemas {
        var settings = SchemaSettings()
        (settings.registryUser, settings.registryPassword, settings.registryCA) = (user, password, authorities)
        return RegisteredSchemas(
            try OwnSchemaIDs(schemas), sending: formats, registry: url.map { RegistryClient(url: $0, settings) },
            database: database, logger: quiet)
    }

    /// Runs its part until `condition` holds.
    private func run(_ schemas: RegisteredSchemas, until what: String, _ condition: () -> Bool) throws {
        let stop = StopSignal()
        let ended = Monitor(false)
        DedicatedThread.start("schemas") {
            schemas.run(until: stop)
            ended.update { $0 = true }
        }
        defer {
            stop.stop()
            _ = ended.wait(for: .seconds(20)) { $0 ? true : nil }
        }
        try eventually(what) { condition() }
    }

    private func unknown(_ id: Int32, to schemas: RegisteredSchemas) -> SchemaLookupError? {
        do throws(SchemaLookupError) {
            _ = try schemas.schema(of: id)
            return nil
        } catch {
            return error
        }
    }

    private func rows() throws -> Int64 {
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        return try connection.number("SELECT count(*) FROM message_schemas")
    }

    @Test func whatIsKnownOutlivesTheRegistry() throws {
        let registry = try SchemaRegistryServer(credentials: "shop:se:cret")
        defer { registry.stop() }
        let foreign = try #require(
            try post(registry, "subjects/theirs/versions", #"{"schema": "\"string\""}"#)["id"]?.int64)
        let first = try process(registry.url, user: "shop", password: "se:cret")
        #expect(throws: SchemaLookupError.self) { try first.id(of: Self.references[0]) }
        try run(first, until: "all have an id") { first.missing == 0 }
        let ids = try Self.references.map { try first.id(of: $0) }
        #expect(Set(ids).count == 4 && first.health == .ready)
        for (id, reference) in zip(ids, Self.references) {
            #expect(try first.schema(of: id).reference == reference)
        }
        #expect(try first.schema(of: Int32(foreign)).definition == .avro(AvroDocument(.string)))
        #expect(try first.schema(of: Int32(foreign)).reference == nil)
        // Each was looked up, and registered since it wasn't there; the foreign one was asked for once.
        #expect(registry.requests.count { $0.hasSuffix("/versions") } == 5)
        #expect(registry.requests.count { $0 == "GET /schemas/ids/\(foreign)" } == 1)
        // Ours by the registry, ours by themselves, and the foreign one.
        #expect(try rows() == 9)

        try registry.kill()
        let second = try process(registry.url, user: "shop", password: "se:cret")
        try run(second, until: "the database is read") { second.missing == 0 }
        #expect(try Self.references.map { try second.id(of: $0) } == ids && second.health == .ready)
        #expect(try second.schema(of: Int32(foreign)).definition == .avro(AvroDocument(.string)))
        #expect(try second.schema(of: ids[0]).reference == Self.references[0])
        let away = try #require(unknown(4_711, to: second))
        guard case .unavailable = away else {
            Issue.record("a registry that is away has said \(away)")
            return
        }
        #expect(second.health == .notReady("\(away)"))

        try registry.start()
        let missing = try #require(unknown(4_711, to: second))
        guard case .unknown = missing else {
            Issue.record("a registry that doesn't have it has said \(missing)")
            return
        }
        #expect("\(missing)".contains("Schema not found") && second.health == .ready)
        #expect(unknown(4_711, to: second) == missing)
        #expect(registry.requests.count { $0 == "GET /schemas/ids/4711" } == 1)
        // A process on another database gets the same ids, by looking them up.
        let third = RegisteredSchemas(
            try OwnSchemaIDs([Self.sent, Self.lost]), sending: [.avro],
            registry: RegistryClient(url: registry.url + "/", Self.settings("shop", "se:cret")), database: nil,
            logger: quiet)
        try run(third, until: "those that are sent have an id") { third.missing == 0 }
        #expect(try third.id(of: Self.references[1]) == ids[1])
        #expect(throws: SchemaLookupError.self) { try third.id(of: Self.references[0]) }
        #expect(registry.requests.count { $0.hasSuffix("/versions") } == 5)
    }

    private static func settings(_ user: String, _ password: String) -> SchemaSettings {
        var settings = SchemaSettings()
        (settings.registryUser, settings.registryPassword) = (user, password)
        return settings
    }

    private func post(_ registry: SchemaRegistryServer, _ path: String, _ body: String) throws -> JSONValue {
        let response = try HTTPClient().send(
            HTTPClient.Request(
                url: "\(registry.url)/\(path)", body: Array(body.utf8),
                headers: [("Authorization", "Basic c2hvcDpzZTpjcmV0")]))
        return try JSONValue(parsing: response.body)
    }

    @Test func whatIsRefusedKeepsNothingElseBack() throws {
        let registry = try SchemaRegistryServer(refusing: "orderflow.v1.ParcelLost")
        defer { registry.stop() }
        let schemas = try process(registry.url)
        try run(schemas, until: "all but one have an id") { schemas.missing == 1 && schemas.health != .ready }
        guard case .degraded(let words) = schemas.health else {
            Issue.record("\(schemas.health)")
            return
        }
        #expect(words.contains("orderflow.v1.ParcelLost") && words.contains("409"))
        #expect(throws: SchemaLookupError.self) { try schemas.id(of: Self.references[2]) }
        for reference in Self.references where reference != Self.references[2] {
            #expect(try schemas.id(of: reference) > 0)
        }
        let client = RegistryClient(url: registry.url, SchemaSettings())
        let texts = try OwnSchemaIDs([Self.sent, Self.lost]).texts
        #expect(try texts.map { try client.flaws(of: $0) } == [[], [], [], []])
    }

    /// Neither a proxy's 404 nor a refused password says that there is no such schema.
    @Test func onlyTheRegistryHasTheLastWord() throws {
        let certificates = try TestCertificates(names: "IP:127.0.0.1")
        let registry = try SchemaRegistryServer(credentials: "shop:secret", certificates: certificates)
        defer { registry.stop() }
        for (schemas, words) in [
            (
                try process(
                    registry.url + "/elsewhere", user: "shop", password: "secret", authorities: certificates.authority),
                "404"
            ),
            (try process(registry.url, user: "shop", password: "wrong", authorities: certificates.authority), "401"),
            (
                try process(registry.url, user: "shop", password: "secret", authorities: certificates.otherAuthority),
                "certificate"
            ),
        ] {
            guard case .unavailable(let said) = unknown(1, to: schemas) else {
                Issue.record("\(words) was taken for a word of the registry")
                continue
            }
            #expect(said.contains(words))
        }
        let schemas = try process(
            registry.url, user: "shop", password: "secret", authorities: certificates.authority, sending: [.protobuf])
        try run(schemas, until: "those that are sent have an id") { schemas.missing == 0 }
        #expect(try schemas.id(of: Self.references[0]) == 1)
    }

    @Test func withoutARegistryTheDatabaseRemembersEarlierReleases() throws {
        let old = try process(nil)
        let id = try old.id(of: Self.references[1])
        #expect(OwnSchemaIDs.isOwn(id) && old.missing == 0 && old.health == .ready)
        try run(old, until: "they are kept") { (try? rows()) == 4 }
        // A member more, and another schema with another id.
        let changed = MessageSchema("ParcelSent", "", Self.sent.fields + [.optional(4, "by", .text)])
        let new = try process(nil, [changed])
        #expect(try new.id(of: Self.references[1]) != id)
        let written = try new.schema(of: id)
        #expect(written.definition == .avro(AvroDocument(Self.sent)) && written.reference == nil)
        guard case .unknown(let words) = unknown(5, to: new) else {
            Issue.record("there is nobody to ask")
            return
        }
        #expect(words.contains("schemas.registry_url"))
        // Records of before are read by a program that has a registry now.
        let registered = try process("http://127.0.0.1:1", [Self.sent, Self.lost])
        #expect(try registered.schema(of: id).reference == Self.references[1])
    }
}
