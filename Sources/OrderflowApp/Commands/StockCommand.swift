import ArgumentParser
import Inventory
import JSON
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct StockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stock",
        abstract: "Set and list stock levels.",
        discussion: """
            Works on the database of inventory (inventory.database.url), whether the role runs or not. A level is what \
            lies in the warehouse, pieces reserved for orders included; those are never taken back by a new level.

            EXAMPLES
              orderflow stock set ABC 100
              orderflow stock set ABC 0                  sold out, even with inventory.unknown_sku unlimited
              orderflow stock list --json
            """,
        subcommands: [StockSetCommand.self, StockListCommand.self])
}

struct StockSetCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Say how many pieces of an article there are.",
        discussion: """
            From then on the article is counted. Fewer than are reserved for orders is refused; exit code 1.

            EXAMPLES
              orderflow stock set ABC 100
              orderflow stock set ABC 100 --tenant acme --note 'counted on Monday'
            """)

    @Argument(help: "The article.") var sku: String
    @Argument(help: "Pieces in the warehouse.") var quantity: Int64
    @OptionGroup var person: OperatorName
    @OptionGroup var why: OperatorNote
    @OptionGroup var stock: StockOptions
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard !sku.isEmpty else { throw ValidationError("the article has no name") }
        guard (0...StockStore.quantityLimit).contains(quantity) else {
            throw ValidationError("a quantity is from 0 to \(StockStore.quantityLimit)")
        }
    }

    func execute() async throws {
        let (sku, quantity, tenant, actor, note) = (sku, quantity, stock.tenant, person.actor, why.note)
        let entry = try await stock.withDatabase(options) {
            try StockStore.set(tenant: tenant, sku: sku, quantity: quantity, by: actor, note: note, on: $0)
        }
        tell(StockOptions.text([entry], asJSON: stock.json))
    }
}

struct StockListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show every level that is set.",
        discussion: """
            EXAMPLES
              orderflow stock list
              orderflow stock list --json                one JSON object a line
            """)

    @OptionGroup var stock: StockOptions
    @OptionGroup var options: SettingsOptions

    private static let pageSize = 1000

    func execute() async throws {
        let (tenant, json) = (stock.tenant, stock.json)
        try await stock.withDatabase(options) { connection in
            var after = ""
            var isFirst = true
            while true {
                let page = try StockStore.page(tenant: tenant, after: after, limit: Self.pageSize, on: connection)
                if !page.isEmpty || isFirst { tell(StockOptions.text(page, asJSON: json, withHead: isFirst)) }
                guard page.count == Self.pageSize, let last = page.last else { return }
                after = last.sku
                isFirst = false
            }
        }
    }
}

/// What the stock commands share.
struct StockOptions: ParsableArguments {
    @Option(help: "Whose stock.")
    var tenant = TenantName.standard

    @Flag(help: "One JSON object a line.")
    var json = false

    func validate() throws { try TenantArgument.check(tenant) }

    func withDatabase<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        try await options.withDatabase(of: .inventory, named: "stock", body)
    }

    static func text(_ entries: [StockStore.Entry], asJSON: Bool, withHead: Bool = true) -> TerminalText {
        guard !asJSON else {
            return entries.map { entry in
                var json = JSONWriter()
                json.stock(entry)
                return TerminalText(json: json.bytes)
            }.joined()
        }
        let head = withHead ? [["SKU", "ON HAND", "RESERVED", "AVAILABLE", "CONSUMED"]] : []
        return TextTable.write(
            head
                + entries.map {
                    [
                        $0.sku, String($0.level.onHand), String($0.level.reserved), String($0.level.available),
                        String($0.level.consumed),
                    ]
                })
    }
}
