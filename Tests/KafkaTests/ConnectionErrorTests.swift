import Execution
import Kafka
import TestServers
import Testing

/// What an operator reads when the way to the brokers is configured wrongly.
@Suite(.blocking, .servers) struct ConnectionErrorTests {
    private static let handshake: Int16 = 17
    private static let authenticate: Int16 = 36
    private static let password = [
        "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "p",
    ]

    /// SASL_AUTHENTICATION_FAILED with its reason, no bytes, and a session's lifetime from version 1.
    private static func refusal(_ version: Int16) -> [UInt8] {
        let answer = WireWriter.int16(58) + WireWriter.string("Invalid username or password") + WireWriter.bytes([])
        return version >= 1 ? answer + [UInt8](repeating: 0, count: 8) : answer
    }

    /// What each request fails with: all at once, since each waits for as long as it may.
    private func errors(_ kafka: KafkaConfiguration) throws -> [KafkaError] {
        let admin = try Admin(kafka, timeout: .seconds(2), logger: quiet)
        let requests: [@Sendable () throws -> Void] = [
            { _ = try admin.topics() }, { _ = try admin.groups() }, { _ = try admin.describe(groups: ["g"]) },
            { _ = try admin.watermarks(TopicPartition(topic: "t", partition: 0)) },
            { _ = try admin.settings(ofTopic: "t") },
        ]
        let errors = Monitor<[KafkaError]>([])
        let threads = requests.map { request in
            DedicatedThread.start("request") {
                do { try request() } catch let error as KafkaError { errors.withLock { $0.append(error) } } catch {}
            }
        }
        for thread in threads { #expect(thread.join(timeout: .seconds(60))) }
        let failed = errors.withLock { $0 }
        #expect(failed.count == requests.count)
        return failed
    }

    @Test func aWrongPasswordIsNamed() throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            switch request.api {
            case Self.handshake: .answer(WireWriter.int16(0) + WireWriter.int32(1) + WireWriter.string("PLAIN"))
            case Self.authenticate: .answer(Self.refusal(request.version))
            default: .pass
            }
        }
        defer { proxy.close() }
        let kafka = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers, properties: Self.password)
        for error in try errors(kafka) {
            #expect(error.message.contains("Invalid username or password"), "\(error)")
            #expect(error.message.contains("sasl.password"), "\(error)")
        }
        try expectOutage(of: kafka, toName: "Invalid username or password")
    }

    @Test func aListenerThatWantsAPasswordIsNamed() throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { $0.api == GroupRequests.metadata ? .cut : .pass }
        defer { proxy.close() }
        let kafka = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers)
        for error in try errors(kafka) { #expect(error.message.contains("security.protocol"), "\(error)") }
        try expectOutage(of: kafka, toName: "security.protocol")
    }

    @Test func plainTextToATLSListenerIsNamed() throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { _ in .cut }
        defer { proxy.close() }
        let kafka = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers)
        for error in try errors(kafka) { #expect(error.message.contains("security.protocol"), "\(error)") }
        try expectOutage(of: kafka, toName: "security.protocol")
    }

    @Test func tlsToAPlainListenerIsNamed() throws {
        let kafka = KafkaConfiguration(
            bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, properties: ["security.protocol": "ssl"])
        for error in try errors(kafka) { #expect(error.message.contains("security.protocol"), "\(error)") }
        try expectOutage(of: kafka, toName: "security.protocol")
    }

    @Test func aPasswordToAPlainListenerIsNamed() throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            // As Kafka answers where SASL isn't enabled: ILLEGAL_SASL_STATE.
            request.api == Self.handshake ? .answer(WireWriter.int16(34) + WireWriter.int32(0)) : .pass
        }
        defer { proxy.close() }
        let kafka = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers, properties: Self.password)
        for error in try errors(kafka) { #expect(error.message.contains("security.protocol"), "\(error)") }
    }

    /// TLS as operators configure it: a broker of another authority, or under another name, isn't spoken to.
    @Test func aCertificateThatIsNotTrustedIsNamed() throws {
        let certificates = try TestCertificates()
        let (listener, port) = try certificates.listener()
        defer { listener.stop() }
        func kafka(_ host: String, _ authority: String) -> KafkaConfiguration {
            KafkaConfiguration(
                bootstrapServers: "\(host):\(port)",
                properties: [
                    "security.protocol": "SASL_SSL", "ssl.ca.location": authority, "sasl.mechanism": "SCRAM-SHA-512",
                    "sasl.username": "u", "sasl.password": "p", "broker.address.family": "v4",
                ])
        }
        let stranger = kafka("localhost", certificates.otherAuthority)
        for error in try errors(stranger) {
            #expect(error.message.contains("certificate verify failed"), "\(error)")
            #expect(error.message.contains("ssl.ca.location"), "\(error)")
        }
        try expectOutage(of: stranger, toName: "certificate verify failed")
        for error in try errors(kafka("127.0.0.1", certificates.authority)) {
            #expect(error.message.contains("certificate verify failed"), "\(error)")
        }
        // The right one gets past this, and then hears nothing of Kafka's.
        for error in try errors(kafka("localhost", certificates.authority)) {
            #expect(!error.message.contains("certificate"), "\(error)")
        }
    }

    @Test func anAuthorityThatIsNowhereIsNamedAtOnce() throws {
        let kafka = KafkaConfiguration(
            bootstrapServers: "localhost:1",
            properties: ["security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.crt"])
        let errors = [
            #expect(throws: KafkaError.self) { try Admin(kafka, timeout: .seconds(2), logger: quiet) },
            #expect(throws: KafkaError.self) { try Producer(ProducerConfiguration(kafka), logger: quiet) },
            #expect(throws: KafkaError.self) {
                try BatchConsumer(
                    ConsumerConfiguration(kafka, group: "g", topics: ["t"]), listener: RecordingListener(),
                    logger: quiet)
            },
        ]
        for error in errors {
            #expect(error?.message.contains("ssl.ca.location") == true, "\(String(describing: error))")
        }
    }

    /// What readiness is made of, for consumers and producers.
    private func expectOutage(of kafka: KafkaConfiguration, toName name: String) throws {
        let producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        defer { producer.close(timeout: .zero) }
        let consumer = try BatchConsumer(
            ConsumerConfiguration(kafka, group: "g", topics: ["t"]), listener: RecordingListener(), logger: quiet)
        defer { consumer.close(timeout: .seconds(20)) }
        try eventually(within: .seconds(30), "both say \(name)") {
            (producer.outage?.message.contains(name) ?? false) && (consumer.outage?.message.contains(name) ?? false)
        }
    }
}
