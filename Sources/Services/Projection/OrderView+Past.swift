import Orders

extension OrderView {
    /// The order as it was at `time` (microseconds since the Unix epoch): the facts up to then, folded again. Nil
    /// before it was created. The times are those at which things happened, not those at which we heard of them.
    package func asOf(_ time: Int64) -> OrderView? {
        guard let created else { return nil }
        var past = OrderView(orderID: orderID)
        for entry in timeline where entry.at <= time {
            if let kind = kind(of: entry, created, apartFrom: past.notifications) {
                _ = past.apply(OrderFact(orderID: orderID, at: entry.at, kind), as: entry)
            } else {
                // Of a type that a later version has folded: it happened, whatever it did.
                _ = past.note(entry)
            }
        }
        return past.created == nil ? nil : past
    }

    /// The fact behind an entry, as far as the fold looks at it.
    private func kind(
        of entry: Entry, _ created: OrderCreated, apartFrom told: [Notification]
    ) -> OrderFact.Kind? {
        let detail = entry.detail
        let amount = detail.amount ?? created.total
        let reason = detail.reason ?? ""
        switch entry.type {
        case FactType.orderCreated: return .orderCreated(created)
        case FactType.orderConfirmed: return .orderConfirmed(userID: created.userID, total: created.total)
        case FactType.orderCancellationRequested: return .orderCancellationRequested(reason: reason)
        case FactType.orderCancelled:
            return .orderCancelled(userID: created.userID, total: created.total, reason: reason)
        case FactType.stockReserved: return .stockReserved(items: created.items)
        case FactType.stockRejected: return .stockRejected(reason: reason, sku: nil)
        case FactType.stockReleased: return .stockReleased(items: created.items)
        case FactType.paymentProcessed:
            return .paymentProcessed(amount: amount, reference: detail.reference ?? "")
        case FactType.paymentFailed: return .paymentFailed(reason: reason)
        case FactType.paymentRefunded: return .paymentRefunded(amount: amount, reference: detail.reference ?? "")
        case FactType.paymentVoided: return .paymentVoided
        case FactType.paymentRefundFailed: return .paymentRefundFailed(reason: reason)
        case FactType.shipmentCreated: return .shipmentCreated(shipmentID: detail.shipmentID ?? "")
        case FactType.shipmentFailed: return .shipmentFailed(reason: reason)
        case FactType.shipmentDispatched:
            return .shipmentDispatched(
                shipmentID: detail.shipmentID ?? "", trackingNumber: detail.trackingNumber ?? "")
        case FactType.shipmentCancelled: return .shipmentCancelled(shipmentID: detail.shipmentID)
        case FactType.notificationSent:
            return notifications.first { $0.sentAt == entry.at && !told.contains($0) }.map {
                .notificationSent(kind: $0.kind, recipient: $0.recipient, messageID: $0.messageID)
            }
        default: return nil
        }
    }
}

extension OrderView.Entry.Detail {
    package init(_ kind: OrderFact.Kind) {
        switch kind {
        case .orderCancellationRequested(let reason), .orderCancelled(_, _, let reason), .stockRejected(let reason, _),
            .paymentFailed(let reason), .paymentRefundFailed(let reason), .shipmentFailed(let reason):
            self.reason = reason
        case .paymentProcessed(let amount, let reference), .paymentRefunded(let amount, let reference):
            self.amount = amount
            self.reference = reference
        case .shipmentCreated(let shipmentID): self.shipmentID = shipmentID
        case .shipmentCancelled(let shipmentID): self.shipmentID = shipmentID
        case .shipmentDispatched(let shipmentID, let trackingNumber):
            self.shipmentID = shipmentID
            self.trackingNumber = trackingNumber
        case .orderCreated, .orderConfirmed, .stockReserved, .stockReleased, .paymentVoided, .notificationSent: break
        }
    }
}
