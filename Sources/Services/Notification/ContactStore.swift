import Messaging
import OrderflowKit
import Postgres

/// The `contacts` and `early_mails` tables: whom to write to about an order (`Replica.contacts`), and what waits for that to
/// be known.
///
/// A contact and a mail that needs it may come at the same time by two partitions, to two daemons. Both write the
/// contact's row, the mail one with an empty recipient: the second one waits for the first and sees what it did. A rebuild
/// drops rows that only wait; so early mails are looked for with every contact, whether or not one waited for it.
extension MailStore {
    /// Returns the mails that have waited for these contacts. What was known already stays.
    static func save(_ contacts: ReplicaFold, on connection: Connection) throws -> [MailWish] {
        let keys = contacts.keys
        guard !keys.isEmpty else { return [] }
        // The second statement sees what the first one has waited for.
        let answers = try connection.pipeline { pipeline in
            contacts.write(in: &pipeline)
            pipeline.query(takeEarly, [.textArray(keys.map(\.tenant)), .textArray(keys.map { $0.values[0] })])
        }
        return try answers[1].map { row in
            let kind = try row.get(2, as: String.self)
            guard let template = MailTemplate(rawValue: kind) else {
                throw UnknownStatus(table: "early_mails", status: kind)
            }
            return MailWish(
                key: try OrderKey(row),
                template: template, amount: try row.get(3, as: String?.self), reason: try row.get(4, as: String?.self),
                correlationID: try row.get(5, as: String.self), causationID: try row.get(6, as: String.self),
                traceparent: try row.get(7, as: String?.self), time: try row.get(8, as: Timestamp.self).microseconds)
        }
    }

    private static let takeEarly = """
        DELETE FROM early_mails WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        RETURNING tenant, order_id, kind, amount, reason, correlation_id, causation_id, traceparent, created_at
        """

    /// Those that are known. Of an order that was withdrawn nothing is, and there is nobody to write to.
    static func contacts(of keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Contact] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, order_id, coalesce(user_id, ''), recipient, coalesce(total, ''), coalesce(currency, '')
            FROM contacts
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
                AND recipient IS DISTINCT FROM ''
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var contacts: [OrderKey: Contact] = [:]
        for row in rows {
            let key = try OrderKey(row)
            contacts[key] = Contact(
                key: key, userID: try row.get(2, as: String.self), recipient: try row.get(3, as: String?.self),
                total: try row.get(4, as: String.self), currency: try row.get(5, as: String.self))
        }
        return contacts
    }

    /// Leaves word that these contacts are awaited. Returns those that have come meanwhile.
    static func awaitContacts(of keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Contact] {
        _ = try connection.execute(
            """
            INSERT INTO contacts (tenant, order_id, user_id, recipient, total, currency)
            SELECT tenant, order_id, '', '', '', '' FROM unnest($1::text[], $2::text[]) AS keys (tenant, order_id)
            ON CONFLICT DO NOTHING
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        return try contacts(of: keys, on: connection)
    }

    static func addEarly(_ wishes: [MailWish], on connection: Connection) throws {
        guard !wishes.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO early_mails (tenant, order_id, kind, amount, reason, correlation_id, causation_id, traceparent,
                                     created_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                                 $8::text[], $9::timestamptz[])
            ON CONFLICT DO NOTHING
            """,
            [
                .textArray(wishes.map(\.key.tenant)), .textArray(wishes.map(\.key.orderID)),
                .textArray(wishes.map(\.template.rawValue)), .textArrayOptional(wishes.map(\.amount)),
                .textArrayOptional(wishes.map(\.reason)), .textArray(wishes.map(\.correlationID)),
                .textArray(wishes.map(\.causationID)), .textArrayOptional(wishes.map(\.traceparent)),
                .timestampArray(wishes.map(\.time)),
            ])
    }
}
