/// The package of a new service, as `orderflow new service` writes it: a fact, a table, a read model, a route, and a test
/// of them. `Examples/loyalty` is one that has grown.
struct ServiceTemplate {
    /// As `returns` or `gift-cards`: the subcommand, the database and the folder.
    let name: String
    /// Where orderflow's own package lies, from the new one.
    let kit: String

    /// What a name has to be, or nil where it is that.
    static func flaw(of name: String) -> String? {
        let letters = name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard letters, let first = name.first, first.isLetter, name.last != "-", name.count <= 40 else {
            return "a service's name has lower-case letters, digits and hyphens, and begins with a letter: \(name)"
        }
        return nil
    }

    /// `gift-cards` is the module `GiftCards`.
    private var module: String {
        name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `gift-cards` is the member `giftCards`.
    private var member: String { module.prefix(1).lowercased() + module.dropFirst() }

    /// `gift-cards` is the table `gift_cards`.
    private var table: String { name.replacing("-", with: "_") }

    /// Paths inside the package, with their texts.
    var files: [(path: String, text: String)] {
        [
            ("Package.swift", package), ("Sources/\(module)/\(module)Noted.swift", fact),
            ("Sources/\(module)/\(module)Handler.swift", handler),
            ("Sources/\(module)/\(module)Service.swift", service), ("Sources/\(name)-shop/main.swift", main),
            ("Tests/\(module)Tests/\(module)Tests.swift", tests), (".gitignore", ".build/\nPackage.resolved\n"),
        ]
    }

    private var package: String {
        """
        // swift-tools-version: 6.2
        import PackageDescription

        let kit = Target.Dependency.product(name: "OrderflowKit", package: "orderflow")

        let package = Package(
            name: "\(name)",
            platforms: [.macOS(.v15)],
            dependencies: [.package(name: "orderflow", path: "\(kit)")],
            targets: [
                .target(name: "\(module)", dependencies: [kit]),
                // The shop with the service in it: every command and daemon of orderflow, and this one.
                .executableTarget(name: "\(name)-shop", dependencies: ["\(module)", kit]),
                .testTarget(
                    name: "\(module)Tests",
                    dependencies: ["\(module)", kit, .product(name: "OrderflowTesting", package: "orderflow")]),
            ])

        """
    }

    private var fact: String {
        """
        import Orders

        /// What this service says of an order. Its members are those of the payload on the topic.
        public struct \(module)Noted: OrderFact, Codable {
            public static let type = "\(module)Noted"
            public let orderID: String
            @WireTime public var at: Int64
        }

        """
    }

    private var handler: String {
        """
        import Execution
        import Messaging
        import OrderFacts
        import Orders
        import Postgres

        /// Reacts to confirmed orders: a row for each, and a fact.
        struct \(module)Handler: BatchHandler {
            let topic: String
            let source: String
            let types: Set = [OrderConfirmed.type]

            /// In the open transaction of `connection`: rows, facts and the group's place on the topic are committed
            /// together, or not at all.
            func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
                for message in messages {
                    guard let order = try message.payload(as: OrderConfirmed.self) else { continue }
                    _ = try connection.execute(
                        "INSERT INTO \(table) (tenant, order_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                        [.text(message.tenant), .text(order.orderID), .text(order.userID)])
                    let fact = \(module)Noted(orderID: order.orderID, at: WallClock.nowMicroseconds())
                    outbox.append(try message.causes(fact, topic: topic, source: source))
                }
            }
        }

        """
    }

    private var service: String {
        """
        import HTTPServer
        import Messaging
        import OrderflowKit
        import Postgres

        extension ServiceModule {
            public static let \(member) = ServiceModule("\(name)", port: 20, summary: "notes confirmed orders") {
                ServiceDatabase(
                    "\(table)",
                    migrations: [
                        Migration(
                            version: 1, name: "\(table)",
                            sql: \"""
                                \\(MessagingSchema.v1)
                                \\(MessagingSchema.v2)
                                CREATE TABLE \(table) (
                                    tenant text, order_id text, user_id text NOT NULL, PRIMARY KEY (tenant, order_id)
                                );
                                \"""),
                    ])
                Publishes(\(module)Noted.self, on: .orderEvents)
                Consumes(.orderEvents) { \(module)Handler(topic: $0.topics[.orderEvents], source: $0.source) }
                // `orderflow replay --into \(name)` makes it anew from the topic.
                RebuiltModel("\(name)", tables: ["\(table)"])
                Serves { database in
                    Routes(needing: .reportsRead, .noCache) {
                        Get("/\(name)/:userId", from: database) { request, context in
                            let user = request.pathParameter("userId")
                            return PooledAnswer { connection in
                                let count = try connection.query(
                                    "SELECT count(*) FROM \(table) WHERE tenant = $1 AND user_id = $2",
                                    [.text(context.tenant), .text(user)]
                                ).one().get(0, as: Int64.self)
                                return .json(.ok, Array(#"{"orders":\\#(count)}"#.utf8))
                            }
                        }
                    }
                }
            }
        }

        """
    }

    private var main: String {
        """
        import \(module)
        import OrderflowApp

        await OrderflowApp.run(.standard + [.\(member)])

        """
    }

    private var tests: String {
        """
        import OrderFacts
        import OrderflowApp
        import OrderflowTesting
        import Orders
        import Testing

        @testable import \(module)

        @Suite(.blocking) struct \(module)Tests {
            @Test func aConfirmedOrderIsNotedOnce() throws {
                let bench = try ServiceBench(.\(member), among: .standard)
                let confirmed = OrderConfirmed(
                    orderID: "o-1", userID: "alice", total: Money(minorUnits: 999, currency: .usd), at: 0)
                let said = try bench.handle(confirmed)
                #expect(said.map { ($0 as? \(module)Noted)?.orderID } == ["o-1"])
                try bench.handle(confirmed)
                #expect(try bench.rows("SELECT order_id, user_id FROM \(table)") == [["o-1", "alice"]])
            }

            @Test func aCustomersOrdersAreCounted() throws {
                let bench = try ServiceBench(.\(member), among: .standard)
                #expect(try bench.get("/\(name)/alice").body == #"{"orders":0}"#)
            }
        }

        """
    }
}
