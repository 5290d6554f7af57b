import JSON
import Messaging
import OrderFacts
import OrderflowKit
import Orders

/// How far one of the parts is that services contribute.
package protocol PartStatus: Hashable, Sendable, CaseIterable {
    /// In documents.
    var name: String { get }
}

extension OrderView {
    /// What `GET /orders/{id}` answers.
    package func document() -> [UInt8] {
        var json = JSONWriter(capacity: 2048)
        json.object { json in
            writeHead(into: &json)
            writeState(into: &json)
            json.key("timeline")
            json.array { json in for entry in timeline { json.raw(entry.json) } }
        }
        return json.bytes
    }

    /// The document as it lies in its row.
    package func pieces() -> OrderViewPieces {
        OrderViewPieces(head: head(), state: state(), timeline: reversedTimeline())
    }

    func head() -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        writeHeadPiece(into: &json)
        return json.bytes
    }

    func state() -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        writeStatePiece(into: &json)
        return json.bytes
    }

    func reversedTimeline() -> [UInt8] {
        var json = JSONWriter(capacity: 64 + timeline.count * 192)
        writeTimelinePiece(into: &json)
        return json.bytes
    }

    func writeHeadPiece(into json: inout JSONWriter) { json.object { writeHead(into: &$0) } }
    func writeStatePiece(into json: inout JSONWriter) { json.object { writeState(into: &$0) } }
    func writeTimelinePiece(into json: inout JSONWriter) {
        json.array { json in for entry in timeline.reversed() { json.raw(entry.json) } }
    }

    private func writeHead(into json: inout JSONWriter) {
        if let created { created.write(into: &json) } else { json.field("orderId", orderID) }
    }

    private func writeState(into json: inout JSONWriter) {
        json.field("status", status.rawValue)
        if let placeAt { json.time("placeAt", placeAt) }
        json.field("cancellationReason", cancellationReason)
        json.field("version", version)
        json.field("revision", revision)
        json.time("updatedAt", updatedAt)
        if let stock {
            json.key("stock")
            json.object {
                $0.field("status", stock.status.name)
                $0.field("reason", stock.reason)
                $0.time("at", stock.at)
            }
        }
        if let payment {
            json.key("payment")
            json.object { json in
                json.field("status", payment.status.name)
                if let amount = payment.amount { json.money("amount", amount) }
                json.field("reference", payment.reference)
                json.field("reason", payment.reason)
                json.time("at", payment.at)
            }
        }
        if let shipment {
            json.key("shipment")
            json.object {
                $0.field("status", shipment.status.name)
                $0.field("shipmentId", shipment.shipmentID)
                $0.field("trackingNumber", shipment.trackingNumber)
                $0.field("reason", shipment.reason)
                $0.time("at", shipment.at)
            }
        }
        json.key("notifications")
        json.array { json in
            for notification in notifications {
                json.object {
                    $0.field("kind", notification.kind)
                    $0.field("recipient", notification.recipient)
                    $0.field("messageId", notification.messageID)
                    $0.time("sentAt", notification.sentAt)
                }
            }
        }
    }
}

extension OrderView.Entry {
    static func json(
        type: String, at: Int64, id: String, origin: String?, version: Int?, _ detail: Detail
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 192)
        json.object { json in
            json.field("type", type)
            json.time("at", at)
            json.field("id", id)
            // Of our own facts the id says it all.
            if let origin, EventIdentity.text(source: origin, id: id) != id { json.field("source", origin) }
            if let version { json.field("version", version) }
            json.field("reason", detail.reason)
            if let amount = detail.amount { json.money("amount", amount) }
            json.field("reference", detail.reference)
            json.field("shipmentId", detail.shipmentID)
            json.field("trackingNumber", detail.trackingNumber)
            if let payload = detail.payload {
                if payload.schemaVersion != 1 { json.field("schemaVersion", payload.schemaVersion) }
                json.field("payload", raw: payload.json)
            }
            for other in detail.others {
                json.key(dynamic: other.name)
                json.raw { $0.append(contentsOf: other.json) }
            }
        }
        return json.bytes
    }
}
