// swift-tools-version: 6.2
import PackageDescription

let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

/// For those who tell the whole of an order.
let everyFact: [Target.Dependency] = [
    "OrderFacts", "InventoryFacts", "PaymentFacts", "ShippingFacts", "NotificationFacts", "UserFacts",
]

/// The facts and commands of one owner: a target in `Sources/Facts`.
func facts(_ name: String) -> Target {
    .target(name: name, dependencies: ["JSON", "Orders", "Schemas"], path: "Sources/Facts/\(name)")
}

/// One service: a target in `Sources/Services`.
///
/// - Parameters:
///   - facts: those that it reads and says, and no others.
///   - others: services whose tables it reads.
func service(
    _ name: String, facts: [Target.Dependency], reading others: [Target.Dependency] = [],
    using more: [Target.Dependency] = []
) -> Target {
    .target(
        name: name,
        dependencies: facts + others + more + [
            "OrderflowKit", "Execution", "HTTPServer", "JSON", "Messaging", "Orders", "Postgres", "Telemetry",
            log, metrics, tracing,
        ],
        path: "Sources/Services/\(name)")
}

let package = Package(
    name: "orderflow",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "orderflow", targets: ["orderflow"]),
        // For services of other teams: docs/extending.md.
        .library(
            name: "OrderflowKit",
            targets: [
                "OrderflowApp", "OrderflowKit", "Execution", "HTTPServer", "JSON", "Messaging", "Networks", "Orders",
                "Postgres", "Schemas", "InventoryFacts", "NotificationFacts", "OrderFacts", "PaymentFacts",
                "ShippingFacts",
                "UserFacts",
            ]),
        .library(name: "OrderflowTesting", targets: ["OrderflowTesting"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries: module maps only.
        .systemLibrary(name: "CLibrdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CEpoll"),

        // What the API serves to browsers, inside the program.
        .target(name: "CWebFiles", exclude: ["files"]),

        // Foundations: none of them knows of orders.
        .target(name: "Execution", dependencies: [deque]),
        .target(name: "JSON"),
        .target(name: "Networks"),
        .target(name: "Hashing", dependencies: ["CLibcrypto"]),
        .target(name: "GraphQL", dependencies: ["JSON"]),
        // Protocol Buffers and Avro: their languages, how messages are said in them, what a change may be.
        .target(name: "Schemas", dependencies: ["Hashing", "JSON"]),
        // Payloads in the formats that go by schemas: Protocol Buffers, Avro, Confluent's frame around them.
        .target(name: "WireFormats", dependencies: ["JSON", "Schemas"]),
        .target(name: "Sealing", dependencies: ["CLibcrypto", "Execution", "Hashing"]),
        .target(name: "WebTokens", dependencies: ["CLibcrypto", "JSON"]),
        .target(name: "Kafka", dependencies: ["CLibrdkafka", "Execution", deque, log]),
        .target(name: "Postgres", dependencies: ["CLibpq", "Execution", deque, log]),
        .target(name: "HTTPServer", dependencies: ["CEpoll", "Execution", "Networks", log]),
        .target(name: "Outbound", dependencies: ["CEpoll", "CLibcurl", "Execution", "Hashing", "Networks", log]),
        .target(name: "Telemetry", dependencies: ["Execution", "JSON", deque, log, metrics, tracing]),

        // Makes load and times the answers; knows how an order is posted, and nothing behind that.
        .target(name: "Bench", dependencies: ["CEpoll", "Execution", histogram]),

        // The vocabulary of the domain, and how facts are written and read: pure, no I/O.
        .target(name: "Orders", dependencies: ["Hashing", "JSON", "Schemas"]),
        facts("OrderFacts"),
        facts("InventoryFacts"),
        facts("PaymentFacts"),
        facts("ShippingFacts"),
        facts("NotificationFacts"),
        facts("UserFacts"),

        .target(
            name: "Messaging",
            dependencies: [
                "Execution", "Hashing", "JSON", "Kafka", "Postgres", "Schemas", "Telemetry", "WireFormats", deque, log,
                metrics, tracing,
            ]),
        // What every service stands on: how it is declared and run, its settings, routes, health and metrics.
        .target(
            name: "OrderflowKit",
            dependencies: [
                "CEpoll", "CWebFiles", "Execution", "HTTPServer", "Hashing", "JSON", "Kafka", "Messaging", "Networks",
                "OrderFacts", "Orders", "Outbound", "Postgres", "Schemas", "Telemetry", "WebTokens", log, metrics,
                tracing, "Yams",
            ]),

        // The services, none of which knows another but for whose tables or facts it reads.
        service(
            "OrderAPI", facts: ["OrderFacts", "InventoryFacts", "PaymentFacts", "UserFacts"],
            reading: ["Query"], using: ["Hashing", "Outbound", "Sealing"]),
        service(
            "Query", facts: [], reading: ["Projection"], using: ["GraphQL", "Hashing", "Outbound"]),
        service("Projection", facts: everyFact),
        service("Shipping", facts: ["ShippingFacts", "OrderFacts", "PaymentFacts"]),
        service("Notification", facts: ["NotificationFacts", "OrderFacts", "PaymentFacts"], using: ["Outbound"]),
        service(
            "Payment", facts: ["PaymentFacts", "OrderFacts", "InventoryFacts"],
            using: ["Hashing", "Outbound", "Sealing", deque]),
        service("Inventory", facts: ["InventoryFacts", "OrderFacts"]),
        service("Fulfilment", facts: ["OrderFacts"]),
        service("Webhooks", facts: [], using: ["Hashing", "Networks", "Outbound", "Sealing"]),

        // Text for terminals and pipes.
        .target(name: "Terminal", dependencies: ["Telemetry"]),
        // Is it well? Dashboard, attention, consistency, verification, status.
        .target(
            name: "Operations",
            dependencies: everyFact + [
                "Fulfilment", "Inventory", "Notification", "OrderAPI", "OrderflowKit", "Payment", "Projection", "Query",
                "Shipping", "Terminal", "Webhooks",
                "Execution", "HTTPServer", "JSON", "Kafka", "Messaging", "Orders", "Outbound", "Postgres",
                "Sealing", "Telemetry", "WebTokens", log,
            ]),
        // The commands.
        .target(
            name: "OrderflowApp",
            dependencies: everyFact + [
                "Fulfilment", "Inventory", "Notification", "Operations", "OrderAPI", "OrderflowKit", "Payment",
                "Projection", "Query", "Shipping", "Terminal", "Webhooks",
                "Bench", "Execution", "HTTPServer", "Hashing", "JSON", "Kafka", "Messaging", "Orders", "Outbound",
                "Postgres", "Schemas", "Telemetry",
                histogram, log, tracing,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "orderflow", dependencies: ["OrderflowApp"]),

        // What the tests of another team's services stand on.
        .target(
            name: "OrderflowTesting",
            dependencies: [
                "Fulfilment", "OrderFacts", "OrderflowKit", "TestServers", "TestShop",
                "Execution", "HTTPServer", "JSON", "Kafka", "Messaging", "Orders", "Outbound", "Postgres", log,
            ]),

        // Private PostgreSQL servers and Kafka brokers for the tests.
        .target(name: "TestServers", dependencies: ["Execution", "Randomness"], path: "Tests/TestServers"),
        // Random numbers that a seed repeats, and how many cases a run tries.
        .target(name: "Randomness", path: "Tests/Randomness"),
        // An identity provider and its tokens.
        .target(name: "TestTokens", dependencies: ["CLibcrypto", "JSON"], path: "Tests/TestTokens"),
        // A whole shop of daemons on them, and a customer.
        .target(name: "TestShop", dependencies: ["TestServers", "Kafka", log], path: "Tests/TestShop"),
        // Documents in JSON Schema, and whether they tell the truth.
        .target(name: "TestSchemas", dependencies: ["JSON", "Yams"], path: "Tests/TestSchemas"),
        // Breaks such a shop at random and counts what came of the orders: scripts/chaos. No part of the product.
        .executableTarget(
            name: "chaos",
            dependencies: [
                "TestShop", "TestServers", "Execution", "Hashing", "JSON", "Kafka",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Chaos"),
        .testTarget(
            name: "PipelineTests",
            dependencies: everyFact + [
                "TestShop", "TestServers", "TestSchemas", "TestTokens", "Randomness", "JSON", "HTTPServer", "Hashing",
                "Execution",
                "Kafka",
                "Messaging", "OrderflowApp", "OrderflowKit", "Orders", "Schemas", "chaos", "orderflow", log,
            ]),
        .testTarget(name: "TestServersTests", dependencies: ["TestServers"]),

        .testTarget(name: "ExecutionTests", dependencies: ["Execution", "TestServers"]),
        .testTarget(name: "NetworksTests", dependencies: ["Networks"]),
        .testTarget(
            name: "OutboundTests",
            dependencies: [
                "Outbound", "Execution", "HTTPServer", "Hashing", "Networks", "Randomness", "TestServers", log,
            ]),
        .testTarget(
            name: "WireFormatsTests",
            dependencies: [
                "InventoryFacts", "JSON", "OrderFacts", "Orders", "PaymentFacts", "Randomness", "Schemas",
                "TestServers",
                "UserFacts", "WireFormats",
            ]),
        .testTarget(name: "GraphQLTests", dependencies: ["GraphQL", "JSON", "Randomness", "TestServers"]),
        .testTarget(name: "HashingTests", dependencies: ["Hashing"]),
        .testTarget(name: "SchemasTests", dependencies: ["Schemas", "JSON", "Randomness", "TestServers"]),
        .testTarget(name: "SealingTests", dependencies: ["Sealing"]),
        .testTarget(name: "WebTokensTests", dependencies: ["WebTokens", "JSON", "Randomness", "TestTokens"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "Randomness"]),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "Execution", "Randomness", "TestServers", log]),
        .testTarget(
            name: "MessagingTests",
            dependencies: [
                "Messaging", "Hashing", "Postgres", "Kafka", "JSON", "Execution", "Randomness", "Schemas",
                "TestServers",
                "WireFormats", log, metrics,
            ]),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: ["HTTPServer", "Execution", "Networks", "Randomness", "TestServers", "CEpoll", log]),
        .testTarget(
            name: "KafkaTests", dependencies: ["Kafka", "CLibrdkafka", "Execution", "Randomness", "TestServers", log]),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Execution", "JSON", log, metrics, tracing]),
        .testTarget(
            name: "OrdersTests",
            dependencies: everyFact + ["Orders", "JSON", "Randomness", "Schemas", "WireFormats"]),
        .testTarget(name: "BenchTests", dependencies: ["Bench", "HTTPServer", "Execution", log]),
        .testTarget(
            name: "ServicesTests",
            dependencies: everyFact + [
                "Fulfilment", "Inventory", "Notification", "Operations", "OrderAPI", "OrderflowKit", "OrderflowTesting",
                "Payment",
                "Projection", "Query", "Shipping", "Terminal", "Webhooks",
                "Execution", "HTTPServer", "Hashing", "JSON", "Kafka", "Messaging", "Networks", "Orders", "Outbound",
                "Postgres", "GraphQL", "Randomness", "Schemas", "Sealing", "TestServers", "TestTokens", "WebTokens",
                log,
            ]),
        .testTarget(
            name: "OrderflowTests",
            dependencies: everyFact + [
                "Fulfilment", "Inventory", "Notification", "Operations", "OrderAPI", "OrderflowApp", "OrderflowKit",
                "Payment", "Projection", "Query", "Shipping", "Terminal", "Webhooks", "orderflow",
                "TestServers", "HTTPServer", "Execution", "JSON", "Kafka", "Messaging", "Orders", "Postgres",
                "Randomness", "Schemas", "Telemetry", "TestSchemas", "TestTokens", "Yams", log, metrics,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
    ],
    swiftLanguageModes: [.v6],
)
