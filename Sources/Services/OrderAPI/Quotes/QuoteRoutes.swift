import HTTPServer
import InventoryFacts
import JSON
import Logging
import Messaging
import OrderflowKit
import Orders

/// `POST /quotes`: is there enough, and what would it come to?
///
/// Inventory is asked over Kafka (`Asks`), so that the API needs to know neither where it runs nor its tables, and any
/// other program can stand in for it.
struct QuoteRoutes: Sendable {
    private let asking: Asking
    private let timeout: Duration
    private let logger: Logger

    init(_ context: ServiceContext) throws {
        asking = try context.asking()
        timeout = context.settings[QuotesSettings.self].timeout
        logger = context.logger
    }

    var routes: Routes {
        Routes(needing: .stockRead, .noCache) {
            Post("/quotes", .refusals(titled: "Invalid quote")) { try quote($0, $1, $2) }
        }
    }

    private func quote(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws {
        let wish = try QuoteWish(json: request.body)
        let task = Task { responder.send(await answer(wish, context)) }
        responder.onPeerEnded { task.cancel() }
    }

    private func answer(_ wish: QuoteWish, _ context: RequestContext) async -> HTTPResponse {
        do throws(RequestError) {
            let quote = try await asking.ask(
                QuoteRequest(items: wish.lines.map(\.line)), on: .quoteRequests, tenant: context.tenant,
                correlationID: context.correlationID, traceparent: context.traceparent, within: timeout)
            // A foreign program may stand in for inventory.
            guard quote.items.map({ OrderLine(sku: $0.sku, quantity: $0.quantity) }) == wish.lines.map(\.line) else {
                throw .unreadable("it answers other lines")
            }
            return HTTPResponse.json(.ok, Self.json(wish, quote))
        } catch {
            logger.debug("quote_failed", metadata: context.requestFields.merging(["error": "\(error)"]) { $1 })
            return Self.problem(error).response
        }
    }

    /// Never what went wrong inside.
    static func problem(_ error: RequestError) -> HTTPProblem {
        switch error {
        case .late(let limit):
            HTTPProblem(
                .gatewayTimeout, title: "No quote in time",
                detail: "inventory has not answered within \(DurationText.write(limit)); asking again does no harm",
                headers: [Unavailable.retryAfter])
        case .overloaded: Unavailable.overloaded
        case .unavailable, .abandoned, .refused(_, isPassing: true):
            HTTPProblem(
                .serviceUnavailable, title: "Quotes unavailable",
                detail: "inventory can't be asked now; asking again does no harm", headers: [Unavailable.retryAfter])
        case .refused, .unreadable:
            HTTPProblem(.badGateway, title: "No quote", detail: "inventory could not answer this request")
        }
    }

    static func json(_ wish: QuoteWish, _ quote: Quote) -> [UInt8] {
        var json = JSONWriter(capacity: 96 * wish.lines.count + 96)
        json.object { json in
            json.field("available", quote.items.allSatisfy(\.isAvailable))
            json.key("items")
            json.array { json in
                for (asked, found) in zip(wish.lines, quote.items) {
                    json.object { json in
                        json.field("sku", found.sku)
                        json.field("qty", found.quantity)
                        json.field("available", found.isAvailable)
                        if let stock = found.stock { json.field("stock", stock) }
                        if let price = asked.price, let amount = asked.amount {
                            json.key("price")
                            json.raw { price.append(to: &$0) }
                            json.key("amount")
                            json.raw { amount.append(to: &$0) }
                        }
                    }
                }
            }
            if let total = wish.total { json.money("total", total) }
        }
        return json.bytes
    }
}
