import Execution
import Foundation
import TestShop

/// An open loop: orders come at a steady rate, whatever becomes of those before. Each is asked for under a key of its
/// own, again and again until somebody answers.
struct Customers: Sendable {
    let scene: Scene
    let book: OrderBook
    let rate: Double

    /// Orders for `duration`, then waits until everyone has an answer, `patience` at most.
    func run(_ dice: inout Dice, for duration: Duration, patience: Duration) async {
        let clock = ContinuousClock()
        let start = clock.now
        let last = start + duration
        let deadline = last + patience
        await withDiscardingTaskGroup { group in
            var number = 0
            var next = start
            while next < last {
                try? await clock.sleep(until: next)
                let (order, own) = (number, dice.split())
                group.addTask {
                    var dice = own
                    await shop(order, &dice, until: deadline)
                }
                number += 1
                next += .seconds(1 / rate)
            }
        }
    }

    private func shop(_ number: Int, _ dice: inout Dice, until deadline: ContinuousClock.Instant) async {
        let plan = OrderPlan(&dice)
        let body = plan.kind.body(user: "user-\(number % 97)", placeAt: plan.placeAt, &dice)
        book.open(number, plan.kind, placeAt: plan.placeAt)
        let started = ContinuousClock.now
        let headers = ["Idempotency-Key": "\"chaos-\(scene.seed)-\(number)\""]
        guard
            let answer = await insist(
                &dice, until: deadline,
                { client in
                    book.attempt(number)
                    return try await client.post("/orders", body, headers: headers)
                })
        else { return }
        if answer.status == 422, answer.text.contains("/placeAt"), plan.placeAt ?? .max <= WallClock.nowMicroseconds() {
            return book.overdue()
        }
        guard answer.status == 201, let order = try? answer.json()["order"] as? [String: any Sendable],
            let id = order["orderId"] as? String
        else { return book.complain("order \(number) was answered \(answer.status): \(answer.text)") }
        book.accepted(number, id: id, after: .now - started)
        guard let time = plan.cancelsAt else { return }
        try? await Task.sleep(until: time, clock: .continuous)
        book.asksToCancel(number)
        let cancellation = await insist(&dice, until: deadline) { client in
            try await client.post("/orders/\(id)/cancel", #"{"reason":"changed my mind"}"#)
        }
        switch cancellation?.status {
        case 202: book.cancelled(number, at: WallClock.nowMicroseconds())
        case 409, nil: break
        case .some(let status):
            book.complain("the cancellation of \(id) was answered \(status): \(cancellation?.text ?? "")")
        }
    }

    /// Asks one API after the other until one gives an answer that is one.
    private func insist(
        _ dice: inout Dice, until deadline: ContinuousClock.Instant,
        _ ask: (ShopClient) async throws -> ShopClient.Answer
    ) async -> ShopClient.Answer? {
        while ContinuousClock.now < deadline {
            let api = scene.apis.randomElement(using: &dice)
            if let api, let answer = try? await ask(api.client), answer.status < 500 { return answer }
            try? await Task.sleep(for: dice.duration(0.1...0.8))
        }
        return nil
    }
}
