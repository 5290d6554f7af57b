import Foundation
import TestServers
import TestShop
import Testing

/// Brokers that are reached by TLS alone, as docs/operations.md configures it.
@Suite(.blocking, .servers) struct KafkaTLSTests {
    @Test func anOrderIsFulfilledOverTLS() async throws {
        let certificates = try TestCertificates(names: "IP:127.0.0.1")
        let broker = try KafkaBroker.start()
        let proxy = try TLSProxy(to: broker, certificates)
        defer { proxy.stop() }
        let shop = try Shop(
            settings: [
                "ORDERFLOW_KAFKA_BROKERS": proxy.bootstrapServers,
                "ORDERFLOW_KAFKA_PROPERTIES_SECURITY_PROTOCOL": "ssl",
                "ORDERFLOW_KAFKA_PROPERTIES_SSL_CA_LOCATION": certificates.authority,
            ], broker: broker)
        let up = try shop.up()
        defer { up.stop() }
        try up.start()
        try await up.waitUntilReady()
        let order = try await up.client.order(#"{"userId":"alice","items":[{"sku":"A","qty":1}],"total":10}"#)
        try await eventually(within: .seconds(60), "the order is confirmed") {
            try await up.client.view(order)?["status"] as? String == "confirmed"
        }
        #expect(try up.terminate() == 0)
    }
}
