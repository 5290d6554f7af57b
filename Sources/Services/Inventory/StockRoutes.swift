import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres

/// Stock levels over HTTP: `POST /stock`, `GET /stock`, `GET /stock/{sku}`, of the tenant that asks.
public struct StockRoutes: Sendable {
    private let database: ConnectionPool

    public static let listLimit = 1...1000

    public init(database: ConnectionPool) {
        self.database = database
    }

    public var routes: [Routes] {
        [
            Routes(needing: .stockWrite, .noCache) {
                Post("/stock", from: database, .bodyLimit(4 << 10), .refusals(titled: "Invalid stock")) {
                    try set($0, $1)
                }
            },
            Routes(needing: .stockRead, .noCache) {
                Get("/stock", from: database) { try list($0, $1) }
                Get("/stock/:sku", from: database) { one($0, $1) }
            },
        ]
    }

    private func set(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let wish = try StockRequest(request.body)
        return PooledAnswer { connection in
            do {
                let entry = try StockStore.set(
                    tenant: context.tenant, sku: wish.sku, quantity: wish.quantity, by: context.auditActor,
                    on: connection)
                return Self.answer(entry)
            } catch let error as StockStore.BelowReserved {
                throw HTTPProblem(.conflict, title: "Reserved for orders", detail: "\(error)")
            }
        }
    }

    private func one(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let sku = request.pathParameter("sku")
        return PooledAnswer { connection in
            guard let entry = try StockStore.one(tenant: context.tenant, sku: sku, on: connection) else {
                throw HTTPProblem(.notFound, detail: "no level is set for \(sku)")
            }
            return Self.answer(entry)
        }
    }

    private func list(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let tenant = context.tenant
        let after = try request.query("after") ?? ""
        let limit = try request.limit(Self.listLimit, default: 100)
        // For an article whose name clients can't put into a path: they take `..` for a way up.
        let sku = try request.query("sku")
        return PooledAnswer { connection in
            let entries =
                if let sku {
                    try [StockStore.one(tenant: tenant, sku: sku, on: connection)].compactMap(\.self)
                } else {
                    try StockStore.page(tenant: tenant, after: after, limit: limit + 1, on: connection)
                }
            var json = JSONWriter(capacity: 96 * entries.count + 32)
            json.object { json in
                let written = json.page("stock", entries.prefix(limit)) { $0.stock($1) }
                // Where the next page begins: ?after=
                json.field("next", written < entries.count ? entries[written - 1].sku : nil)
            }
            return HTTPResponse.json(.ok, json.bytes)
        }
    }

    private static func answer(_ entry: StockStore.Entry) -> HTTPResponse {
        var json = JSONWriter()
        json.stock(entry)
        return HTTPResponse.json(.ok, json.bytes)
    }
}

extension JSONWriter {
    public mutating func stock(_ entry: StockStore.Entry) {
        object { json in
            json.field("sku", entry.sku)
            json.field("onHand", entry.level.onHand)
            json.field("reserved", entry.level.reserved)
            json.field("available", entry.level.available)
            json.field("consumed", entry.level.consumed)
        }
    }
}

/// The body of `POST /stock`: `{"sku":"ABC","quantity":100}`.
struct StockRequest: Hashable, Sendable {
    let sku: String
    let quantity: Int64

    init(_ body: UnsafeRawBufferPointer) throws(OrderRequest.Refusal) {
        var sku: String?
        var quantity: Int64?
        try OrderRequest.Refusal.reading(body) { key, reader in
            if key == "sku" {
                let text = try reader.readString(limit: OrderRequest.Limit.sku)
                guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                    throw OrderRequest.Violation(detail: "must be a text without control characters")
                }
                sku = text
            } else if key == "quantity" {
                let value = try reader.readInt64()
                guard (0...StockStore.quantityLimit).contains(value) else {
                    throw OrderRequest.Violation(detail: "must be from 0 to \(StockStore.quantityLimit)")
                }
                quantity = value
            } else {
                try reader.skipValue()
            }
        }
        guard let sku, let quantity else {
            throw .invalid(
                [("/sku", sku == nil), ("/quantity", quantity == nil)].filter(\.1).map {
                    OrderRequest.Violation(pointer: $0.0, detail: "is required")
                })
        }
        self.sku = sku
        self.quantity = quantity
    }
}
