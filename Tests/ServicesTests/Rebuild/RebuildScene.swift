import Execution
import Foundation
import JSON
import Kafka
import Logging
import Orders
import Postgres
import TestServers
import UserFacts

@testable import Messaging
@testable import OrderflowKit
@testable import Projection

/// Topics with a history, the live read models over them, and rebuilds of those.
final class RebuildScene {
    let database: PostgresConfiguration
    let connection: Connection
    let kafka: KafkaConfiguration
    let topics: Topics
    /// The shop's read models, with groups of their own on the broker.
    let models: [ReadModel]
    private let producer: Producer

    init(partitions: Int = 3) throws {
        let name = "\(UInt32.random(in: 0 ... .max))"
        database = try freshDatabase(ServiceDatabase.views.migrations)
        connection = try Connection(database, logger: quiet)
        kafka = KafkaConfiguration(bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        var topics = Topics()
        topics[.orderEvents] += "-\(name)"
        topics[.userEvents] += "-\(name)"
        self.topics = topics
        models = [ReadModel.orders(topics, .standard), .invoices(topics, .standard), .sales(topics, .standard)].map {
            ReadModel(
                name: $0.name, group: "\($0.group)-\(name)", topics: $0.topics, tables: $0.tables, reader: $0.reader,
                migrations: $0.migrations, channel: $0.channel,
                followsKeys: $0.followsKeys, fold: $0.fold)
        }
        _ = try Admin(kafka, logger: quiet).createTopics(
            (topics.all(of: .orderEvents) + [topics.userEvents]).map {
                NewTopic($0, partitions: partitions, replication: 1)
            })
        producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        producer.prepare(topics: topics.all(of: .orderEvents) + [topics.userEvents], timeout: .seconds(5))
    }

    deinit {
        producer.close(timeout: .seconds(5))
        connection.close()
    }

    var orders: ReadModel { models[0] }
    /// Kept by the group of the invoices.
    var recipients: ReadModel {
        Replica.recipients.readModel(
            keptBy: models[1].group, migrations: ServiceDatabase.views.migrations, topics, .standard)
    }

    // MARK: The topics

    func publish(_ messages: [OutgoingMessage]) throws {
        for result in try producer.publish(messages, timeout: .seconds(20)) { _ = try result.get() }
    }

    func publish(_ messages: [InboundMessage]) throws { try publish(messages.map { record($0) }) }

    /// As the relay would have put it there.
    func record(_ message: InboundMessage) -> OutgoingMessage {
        var headers: KafkaHeaders = [
            KafkaHeader("ce_id", Array(message.id.utf8)), KafkaHeader("ce_type", Array(message.type.utf8)),
            KafkaHeader("ce_tenant", Array(message.tenant.utf8)),
        ]
        if let version = message.streamVersion {
            headers.append("ce_streamversion", "\(version)")
        }
        return bare(
            message.type, String(decoding: message.payload, as: UTF8.self), key: message.key, headers: headers)
    }

    /// As a foreign producer would.
    func bare(_ type: String, _ payload: String, key: String, headers: KafkaHeaders = []) -> OutgoingMessage {
        OutgoingMessage(
            topic: [UserCreated.type, AccountCreated.type].contains(type) ? topics.userEvents : topics.orderEvents,
            key: Array(key.utf8),
            value: Array(#"{"type":"\#(type)","version":1,"payload":\#(payload)}"#.utf8), headers: headers)
    }

    // MARK: The live models

    /// Runs `body` while the live group of `model` consumes.
    func whileLive<Result>(_ model: ReadModel, _ body: () throws -> Result) throws -> Result {
        let stop = StopSignal()
        let runner = runner(model)
        let thread = DedicatedThread.start("live") { try? runner.run(until: stop) }
        defer {
            stop.stop()
            thread.join(timeout: .seconds(20))
        }
        return try body()
    }

    /// What the live groups would do with all that is on the topics by now, without a group on the broker.
    func consume(_ models: [ReadModel]) throws {
        for model in models {
            let runner = runner(model)
            let starts = try ConsumerProgress.nextOffsets(of: model.group, on: connection)
            let ends = try ends(of: model)
            let ranges = Dictionary(uniqueKeysWithValues: ends.map { ($0.key, (starts[$0.key] ?? 0)..<$0.value) })
            let reader = try PartitionReader(kafka, ranges, logger: quiet)
            while !reader.isFinished {
                guard let batch = try reader.nextBatch(max: 50, timeout: .milliseconds(100)) else { continue }
                let records = batch.map { ConsumedRecord($0, by: model.reader) }
                do {
                    _ = try runner.transaction.run(records[...], giveUp: nil, on: connection)
                } catch is MessageRejected {
                    for index in records.indices {
                        do {
                            _ = try runner.transaction.run(records[index...index], giveUp: nil, on: connection)
                        } catch let error as MessageRejected {
                            let verdict = DeadLetters.Verdict(error: error.reason, attempts: 1)
                            _ = try runner.transaction.run(records[index...index], giveUp: verdict, on: connection)
                        }
                    }
                }
            }
        }
    }

    private func runner(_ model: ReadModel) -> ConsumerRunner {
        var configuration = ConsumerRunner.Configuration(group: model.group, topics: model.topics)
        configuration.usesInbox = false
        configuration.batchSize = 50
        configuration.content = FactCatalogue.standard.door
        let handlers: [String: any BatchHandler] = [
            "orders": OrderViewProjection(.standard), "invoices": InvoicingHandler(), "recipients": InvoicingHandler(),
            "sales": SalesHandler(),
        ]
        return ConsumerRunner(
            configuration, handler: handlers[model.name] ?? OrderViewProjection(.standard), kafka: kafka,
            database: database,
            logger: quiet)
    }

    private func ends(of model: ReadModel) throws -> [TopicPartition: Int64] {
        let admin = try Admin(kafka, logger: quiet)
        let partitions = try admin.topics().filter { model.topics.contains($0.name) }
            .flatMap(\.places)
        return Dictionary(uniqueKeysWithValues: try partitions.map { ($0, try admin.watermarks($0).high) })
    }

    /// Waits until the live group has seen all that is on the topics.
    func catchUp(_ model: ReadModel) throws {
        let ends = try ends(of: model)
        try eventually("\(model.group) is through") {
            let offsets = try ConsumerProgress.nextOffsets(of: model.group, on: connection)
            return ends.allSatisfy { offsets[$0.key] ?? 0 >= $0.value }
        }
    }

    // MARK: Rebuilds

    func rebuild(
        _ model: ReadModel, window: Int = 7, _ onProgress: @escaping (Rebuild.Progress) throws -> Void = { _ in }
    ) -> Rebuild {
        var limits = Rebuild.Limits()
        limits.records = window
        return Rebuild(
            model, kafka: kafka, database: database, limits: limits, by: .test, note: "in a test", logger: quiet,
            onProgress: onProgress)
    }

    // MARK: What is there

    /// Every row of a model, as text.
    func rows(_ model: ReadModel) throws -> [String] {
        try model.tables.flatMap { table in
            try connection.query("SELECT '\(table)' || t::text AS row FROM \(table) t ORDER BY row")
                .map { try $0.get(0, as: String.self) }
        }
    }

    /// Columns, indexes, options and rights of a model's tables.
    func shape(_ model: ReadModel) throws -> [String] {
        try connection.query(
            """
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)
            UNION ALL SELECT concat_ws(' ', relname, relnamespace::regnamespace, reloptions, relacl, relowner::regrole,
                    relrowsecurity, relforcerowsecurity)
                FROM pg_class WHERE relname = ANY($1) AND relnamespace = 'public'::regnamespace
            UNION ALL SELECT concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check)
                FROM pg_policies WHERE schemaname = 'public' AND tablename = ANY($1)
            UNION ALL SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable)
                FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY($1)
            ORDER BY 1
            """, [.textArray(model.tables)]
        ).map { try $0.get(0, as: String.self) }
    }

    /// What is left of a rebuild.
    func remains(_ model: ReadModel) throws -> Bool {
        try connection.query("SELECT to_regnamespace($1) IS NOT NULL", [.text("rebuild_\(model.name)")])
            .one().get(0, as: Bool.self)
    }

    func letters(_ model: ReadModel) throws -> [String] {
        try connection.query(
            #"SELECT concat_ws(' ', key, status, topic, partition, "offset") FROM dead_letters WHERE consumer_group = $1 ORDER BY 1"#,
            [.text(model.group)]
        ).map { try $0.get(0, as: String.self) }
    }
}
