import JSON
import OrderFacts
import OrderflowKit
import Orders

extension OrderView {
    /// Reads what `document()` wrote.
    package init(document: UnsafeRawBufferPointer) throws {
        var fields = DocumentFields()
        var reader = JSONReader(document)
        try reader.readObject { key, reader in try fields.read(key, &reader) }
        guard let orderID = fields.orderID else {
            throw JSONError(reason: "has no orderId", offset: 0)
        }
        self.init(orderID: orderID)
        if let userID = fields.userID, let total = fields.total, let createdAt = fields.createdAt {
            created = OrderCreated(
                orderID: orderID, userID: userID, items: fields.items,
                total: try Money(stored: total.utf8, currency: Currency(stored: fields.currency ?? "USD")),
                createdAt: createdAt, email: fields.email, shippingAddress: fields.shippingAddress)
        }
        if let text = fields.status {
            guard let known = OrderStatus(rawValue: text) else { throw Self.unknown(text) }
            status = known
        }
        placeAt = fields.placeAt
        cancellationReason = fields.cancellationReason
        version = fields.version
        revision = fields.revision
        updatedAt = fields.updatedAt
        stock = try fields.stock.map { part in
            Stock(status: try Self.status(part), reason: part.reason, at: part.at)
        }
        payment = try fields.payment.map { part in
            Payment(
                status: try Self.status(part), amount: try part.money(), reference: part.reference,
                reason: part.reason, at: part.at)
        }
        shipment = try fields.shipment.map { part in
            ShipmentPart(
                status: try Self.status(part), shipmentID: part.shipmentID, trackingNumber: part.trackingNumber,
                reason: part.reason, at: part.at)
        }
        notifications = fields.notifications
        timeline = fields.timeline
    }

    private static func status<Status: PartStatus>(_ part: DocumentFields.Part) throws -> Status {
        guard let known = Status.allCases.first(where: { $0.name == part.status }) else { throw unknown(part.status) }
        return known
    }

    private static func unknown(_ status: String) -> UnknownStatus {
        UnknownStatus(table: "order_views", status: status)
    }
}

/// The members of a document, as they come.
private struct DocumentFields {
    /// One of the parts that services contribute, or an entry of the timeline.
    struct Part {
        var status = ""
        var type = ""
        var id = ""
        var origin: String?
        var version: Int?
        var at: Int64 = 0
        var reason: String?
        var amount: String?
        var currency: String?
        var reference: String?
        var shipmentID: String?
        var trackingNumber: String?
        var schemaVersion = 1
        var payload: [UInt8]?
        var others: [OrderView.Entry.Other] = []

        init(_ reader: inout JSONReader) throws {
            try reader.readObject { key, reader in
                if key == "status" {
                    status = try reader.readString()
                } else if key == "type" {
                    type = try reader.readString()
                } else if key == "id" {
                    id = try reader.readString()
                } else if key == "source" {
                    origin = try reader.readString()
                } else if key == "version" {
                    version = Int(try reader.readInt64())
                } else if key == "at" {
                    at = try DocumentFields.time(&reader)
                } else if key == "reason" {
                    reason = try reader.readString()
                } else if key == "amount" {
                    amount = try reader.readNumberText()
                } else if key == "currency" {
                    currency = try reader.readString()
                } else if key == "reference" {
                    reference = try reader.readString()
                } else if key == "shipmentId" {
                    shipmentID = try reader.readString()
                } else if key == "trackingNumber" {
                    trackingNumber = try reader.readString()
                } else if key == "schemaVersion" {
                    schemaVersion = Int(try reader.readInt64())
                } else if key == "payload" {
                    payload = Array(try reader.rawValue())
                } else {
                    others.append(OrderView.Entry.Other(name: key.string, json: Array(try reader.rawValue())))
                }
            }
        }

        func money() throws -> Money? {
            try amount.map { try Money(stored: $0.utf8, currency: Currency(stored: currency ?? "USD")) }
        }
    }

    var orderID: String?
    var userID: String?
    var items: [OrderLine] = []
    var total: String?
    var currency: String?
    var createdAt: Int64?
    var email: String?
    var shippingAddress: String?
    var status: String?
    var placeAt: Int64?
    var cancellationReason: String?
    var version = 0
    var revision = 0
    var updatedAt: Int64 = 0
    var stock: Part?
    var payment: Part?
    var shipment: Part?
    var notifications: [OrderView.Notification] = []
    var timeline: [OrderView.Entry] = []

    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "orderId" {
            orderID = try reader.readString()
        } else if key == "userId" {
            userID = try reader.readString()
        } else if key == "items" {
            items = try OrderLine.stored(&reader)
        } else if key == "total" {
            total = try reader.readNumberText()
        } else if key == "currency" {
            currency = try reader.readString()
        } else if key == "createdAt" {
            createdAt = try Self.time(&reader)
        } else if key == "email" {
            email = try reader.readString()
        } else if key == "shippingAddress" {
            shippingAddress = try reader.readString()
        } else if key == "status" {
            status = try reader.readString()
        } else if key == "placeAt" {
            placeAt = try Self.time(&reader)
        } else if key == "cancellationReason" {
            cancellationReason = try reader.readString()
        } else if key == "version" {
            version = Int(try reader.readInt64())
        } else if key == "revision" {
            revision = Int(try reader.readInt64())
        } else if key == "updatedAt" {
            updatedAt = try Self.time(&reader)
        } else if key == "stock" {
            stock = try Part(&reader)
        } else if key == "payment" {
            payment = try Part(&reader)
        } else if key == "shipment" {
            shipment = try Part(&reader)
        } else if key == "notifications" {
            try reader.readArray { _, reader in notifications.append(try Self.notification(&reader)) }
        } else if key == "timeline" {
            try reader.readArray { _, reader in timeline.append(try Self.entry(&reader)) }
        } else {
            try reader.skipValue()
        }
    }

    private static func notification(_ reader: inout JSONReader) throws -> OrderView.Notification {
        var kind = ""
        var recipient = ""
        var messageID = ""
        var sentAt: Int64 = 0
        try reader.readObject { key, reader in
            if key == "kind" {
                kind = try reader.readString()
            } else if key == "recipient" {
                recipient = try reader.readString()
            } else if key == "messageId" {
                messageID = try reader.readString()
            } else if key == "sentAt" {
                sentAt = try time(&reader)
            } else {
                try reader.skipValue()
            }
        }
        return OrderView.Notification(kind: kind, recipient: recipient, messageID: messageID, sentAt: sentAt)
    }

    private static func entry(_ reader: inout JSONReader) throws -> OrderView.Entry {
        let part = try Part(&reader)
        return OrderView.Entry(
            type: part.type, at: part.at, id: part.id, origin: part.origin, version: part.version,
            detail: OrderView.Entry.Detail(
                reason: part.reason, amount: try part.money(), reference: part.reference,
                shipmentID: part.shipmentID, trackingNumber: part.trackingNumber,
                payload: part.payload.map {
                    OrderView.Entry.KeptPayload(json: $0, schemaVersion: part.schemaVersion)
                }, others: part.others))
    }

    private static func time(_ reader: inout JSONReader) throws -> Int64 {
        guard let time = RFC3339.microseconds(try reader.readString()) else {
            throw JSONError(reason: "must be a time", offset: reader.offset)
        }
        return time
    }
}
