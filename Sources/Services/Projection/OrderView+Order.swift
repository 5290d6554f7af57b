import OrderFacts

extension OrderCreated: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        // What the schedule said of it is said again; of two facts of one order the first one counts.
        if view.created == nil || view.placeAt != nil && view.timeline.count(where: { $0.type == Self.type }) == 1 {
            view.created = withoutToken
        }
        view.advance(to: .pending, entry.version)
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self = order
    }
}

extension OrderConfirmed: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.advance(to: .confirmed, entry.version)
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, userID: order.userID, total: order.total, at: entry.at)
    }
}

extension OrderCancellationRequested: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.advance(to: .cancelling, entry.version)
        if view.cancellationReason == nil { view.cancellationReason = reason }
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}

extension OrderCancelled: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.advance(to: .cancelled, entry.version)
        view.cancellationReason = reason
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(
            orderID: view.orderID, userID: order.userID, total: order.total, reason: entry.detail.reason ?? "",
            at: entry.at)
    }
}

extension OrderScheduled: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        if view.created == nil { view.created = placed(at: at).withoutToken }
        view.placeAt = placeAt
        view.advance(to: .scheduled, entry.version)
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        guard let placeAt = view.placeAt else { return nil }
        self.init(
            orderID: view.orderID, userID: order.userID, items: order.items, total: order.total, at: entry.at,
            placeAt: placeAt, email: order.email, shippingAddress: order.shippingAddress)
    }
}

extension OrderWithdrawn: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.advance(to: .cancelled, entry.version)
        view.cancellationReason = reason
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}
