import OrderFacts
import Orders

extension OrderView {
    /// The order as it was at `time` (microseconds since the Unix epoch): the facts up to then, folded again. Nil
    /// before it was created. The times are those at which things happened, not those at which we heard of them.
    package func asOf(_ time: Int64) -> OrderView? {
        guard let created else { return nil }
        var past = OrderView(orderID: orderID)
        for entry in timeline where entry.at <= time {
            if let part = Self.part(entry.type), part.fold(entry, in: self, of: created, into: &past) { continue }
            // A fact of others: it happened, whatever it did.
            _ = past.note(entry)
        }
        return past.created == nil ? nil : past
    }
}

extension OrderViewFact {
    /// Applies the fact behind an entry once more. False where there is not enough of it.
    fileprivate static func fold(
        _ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, into past: inout OrderView
    ) -> Bool {
        guard let fact = kept(entry) ?? Self(entry, in: view, of: order, after: past) else { return false }
        return past.apply(fact, as: entry)
    }

    /// From the payload that a version which didn't know the type has kept.
    private static func kept(_ entry: OrderView.Entry) -> Self? {
        guard let payload = entry.detail.payload else { return nil }
        return try? Self(
            EncodedPayload(
                payload.json, schemaVersion: payload.schemaVersion, time: entry.at, id: entry.id, from: .store))
    }
}
