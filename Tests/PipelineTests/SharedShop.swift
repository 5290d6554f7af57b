import TestServers
import TestShop
import Testing

/// One shop with all its roles for the tests of a suite that neither break it nor set it up in a way of their own. Each
/// test is a tenant of it.
struct SharedShop: SuiteTrait, TestScoping {
    struct Running: Sendable {
        let shop: Shop
        let up: Daemon

        func client(of tenant: String) -> ShopClient { ShopClient(port: up.port, tenant: tenant) }

        /// What the topic has of a tenant's.
        func records(of topic: String, tenant: String) throws -> [TopicRecord] {
            try shop.records(of: topic).filter { $0.headers["ce_tenant"] == tenant }
        }
    }

    @TaskLocal static var current: Running?

    /// Around the whole suite, once.
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        try await Self.$current.withValue(Running(shop: shop, up: up)) { try await function() }
        #expect(try up.terminate() == 0)
    }
}

extension Trait where Self == SharedShop {
    static var sharedShop: SharedShop { SharedShop() }
}
