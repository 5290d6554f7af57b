import InventoryFacts
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Answers what could be set aside now: one statement for all requests of a batch, which locks nothing.
enum QuoteAnswers {
    static func answers(
        to questions: [Answers<QuoteRequest>.Question], unknownSKU: StockLevels.UnknownSKU, on connection: Connection
    ) throws -> [Result<Quote, RequestRefusal>] {
        let articles = Set(
            questions.flatMap { question in
                question.request.items.map { StockStore.Article(tenant: question.tenant, sku: $0.sku) }
            })
        let levels = try StockStore.look(at: articles.sorted(), unknownSKU: unknownSKU, on: connection)
        let none = StockLevels([:], unknownSKU: unknownSKU)
        return questions.map { .success((levels[$0.tenant] ?? none).quote($0.request.items)) }
    }
}
