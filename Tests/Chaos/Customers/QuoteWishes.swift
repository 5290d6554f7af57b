import Foundation
import Synchronization
import TestShop

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Customers of two tenants, who ask what things would cost and whether there is enough, throughout. One of the tenants has
/// a stock that nobody touches, so that each answer tells whose it is.
struct QuoteWishes: Sendable {
    /// What came of them.
    struct Standing: Sendable {
        var answered = 0
        /// 503: nobody could be asked. 504: nobody has answered in time.
        var unavailable = 0
        var late = 0
        /// The process that was asked had gone, or went.
        var unheard = 0
        var longestWait: Duration = .zero
        /// Another's answer, one that is none, or none at all.
        var complaints: [String] = []
    }

    /// Has a little of some articles, and never sells.
    static let quietTenant = "quiet"
    static let quietStock = 7
    static let quietArticles = 2

    private let scene: Scene
    private let state = Ledger()
    /// A second.
    private static let rate = 2.0
    /// Longer than any process is held for, in seconds: who hears nothing for so long was forgotten.
    private static let patience = 45.0

    private final class Ledger: Sendable {
        let standing = Mutex(Standing())
    }

    init(_ scene: Scene) { self.scene = scene }

    var standing: Standing { state.standing.withLock { $0 } }

    /// Asks for `duration`, and returns when each has an answer or has given up.
    func run(_ dice: Dice, for duration: Duration) async {
        var dice = dice
        let last = ContinuousClock.now + duration
        await withDiscardingTaskGroup { group in
            while ContinuousClock.now < last {
                let own = dice.split()
                group.addTask {
                    var dice = own
                    guard let api = scene.apis.randomElement(using: &dice) else { return }
                    _ = await ask(api, &dice)
                }
                try? await Task.sleep(for: .seconds(1 / Self.rate))
            }
        }
    }

    /// After the last fault: each process gets an answer again, for either tenant.
    func settle(_ dice: inout Dice, within patience: Duration) async {
        let deadline = ContinuousClock.now + patience
        for api in scene.apis {
            var answers = 0
            while answers < 4 {
                if await ask(api, &dice) {
                    answers += 1
                } else if .now > deadline {
                    return complain("\(api) gets no quotes any more")
                } else {
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
        }
    }

    /// Whether it was answered 200.
    private func ask(_ api: Daemon, _ dice: inout Dice) async -> Bool {
        let wish = Wish(&dice)
        let started = ContinuousClock.now
        let answer: ShopClient.Answer
        do {
            answer = try await ShopClient(port: api.port, tenant: wish.tenant).post(
                "/quotes", wish.body, patience: Self.patience)
        } catch let error as URLError where error.code == .timedOut {
            complain("\(api) has left a quote without an answer for \(Self.patience) s")
            return false
        } catch {
            state.standing.withLock { $0.unheard += 1 }
            return false
        }
        let wait = ContinuousClock.now - started
        let flaw = answer.status == 200 ? wish.flaw(of: answer.body) : nil
        if let flaw { complain("\(wish.body) of \(wish.tenant ?? "default"): \(flaw): \(answer.text)") }
        if ![200, 503, 504].contains(answer.status) {
            complain("\(wish.body) was answered \(answer.status): \(answer.text)")
        }
        state.standing.withLock { standing in
            standing.longestWait = max(standing.longestWait, wait)
            switch answer.status {
            case 200: standing.answered += 1
            case 503: standing.unavailable += 1
            case 504: standing.late += 1
            default: break
            }
        }
        return answer.status == 200
    }

    private func complain(_ text: String) { state.standing.withLock { $0.complaints.append("quotes: " + text) } }
}

/// Some lines, and what any good answer to them has.
private struct Wish {
    struct Line {
        let sku: String
        let quantity: Int
        let price: Int
    }

    private struct Quote: Decodable {
        struct Item: Decodable {
            let sku: String
            let qty: Int
            let available: Bool
            let stock: Int?
            let price: Double?
            let amount: Double?
        }
        let available: Bool
        let items: [Item]
        let total: Double?
    }

    let tenant: String?
    let lines: [Line]

    init(_ dice: inout Dice) {
        let isQuiet = Bool.random(using: &dice)
        tenant = isQuiet ? QuoteWishes.quietTenant : nil
        let articles = Array(1...(isQuiet ? QuoteWishes.quietArticles : OrderKind.articles)).shuffled(using: &dice)
        let count = Int.random(in: 1...2, using: &dice)
        lines = articles.prefix(count).map { article in
            Line(
                sku: "STOCK-\(article)", quantity: .random(in: 1...2 * QuoteWishes.quietStock, using: &dice),
                price: .random(in: 1...9_999, using: &dice))
        }
    }

    var body: String {
        let items = lines.map { #"{"sku":"\#($0.sku)","qty":\#($0.quantity),"price":\#($0.price)}"# }
        return #"{"items":[\#(items.joined(separator: ","))]}"#
    }

    /// What is wrong with an answer; nil for a good one.
    func flaw(of body: Data) -> String? {
        guard let quote = try? JSONDecoder().decode(Quote.self, from: body) else { return "not a quote" }
        guard quote.items.map(\.sku) == lines.map(\.sku), quote.items.map(\.qty) == lines.map(\.quantity) else {
            return "another's lines"
        }
        for (line, item) in zip(lines, quote.items) {
            guard item.price == Double(line.price), item.amount == Double(line.price * line.quantity) else {
                return "another's prices"
            }
            guard let stock = item.stock else { return "no stock of \(line.sku)" }
            if tenant != nil, stock != QuoteWishes.quietStock { return "another tenant's stock" }
            if tenant == nil, stock < Scene.initialStock / 2 { return "another tenant's stock" }
            if item.available != (stock >= line.quantity) { return "a word that its stock doesn't bear out" }
        }
        guard quote.total == Double(lines.reduce(0) { $0 + $1.price * $1.quantity }),
            quote.available == quote.items.allSatisfy(\.available)
        else { return "a sum that isn't its lines'" }
        return nil
    }
}
