import Foundation
import TestServers
import TestShop
import Testing

/// Whole orders through all services, led by the saga or by nobody, seen from outside.
@Suite(.serialized) struct SagaPipelineTests {
    @Test(arguments: ["orchestration", "choreography"]) func everyOrderEnds(_ mode: String) async throws {
        let shop = try Shop(settings: ["ORDERFLOW_SAGA_MODE": mode, "ORDERFLOW_SAGA_RETRY_BASE": "100ms"])
        let saga = try shop.daemon("saga")
        let api = try shop.daemon("api", settings: ["ORDERFLOW_SAGA_URL": "http://127.0.0.1:\(saga.port)"])
        let others = try ["shipping", "projection", "inventory", "payment"].map { try shop.daemon($0) }
        let daemons = [api, saga] + others
        for daemon in daemons { try daemon.start() }
        for daemon in daemons { try await daemon.waitUntilReady() }

        let good = try await api.client.order()
        let declined = try await api.client.order(Self.order(more: #","paymentToken":"tok_declined""#))
        let unshippable = try await api.client.order(Self.order(sku: "UNSHIPPABLE"))
        for (id, status, stand) in [
            (good, "confirmed", "completed"), (declined, "cancelled", "compensated"),
            (unshippable, "cancelled", "compensated"),
        ] {
            try await eventually("\(mode): \(id) is \(status)") {
                try await api.client.view(id)?["status"] as? String == status
            }
            try await eventually("\(mode): the saga of \(id) is \(stand)") {
                try await api.client.get("/orders/\(id)/saga").json()["status"] as? String == stand
            }
        }
        #expect(try shop.run("sagas", "list", "--attention", "--json") == "")
        #expect(try shop.run("sagas", "show", good).contains("completed"))
        try shop.run("sagas", "retry", good, "--note", "x", "--by", "test", expecting: 1)
        for daemon in daemons { #expect(try daemon.terminate() == 0, "\(daemon.role) ends cleanly") }
    }

    private static func order(sku: String = "ABC", more: String = "") -> String {
        #"{"userId":"alice","items":[{"sku":"\#(sku)","qty":2}],"total":49.99\#(more)}"#
    }
}
