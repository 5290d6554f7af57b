import Messaging
import NotificationFacts
import OrderflowKit

extension ServiceModule {
    /// Notification: tells customers what became of their orders.
    ///
    ///     OrderConfirmed | OrderCancelled | PaymentRefunded ─> a mail, once ─> NotificationSent
    public static let notification = ServiceModule("notification", port: 3, summary: "sends mails to customers") {
        Explained(
            "Send mails to customers.",
            """
            A mail for every order confirmed or cancelled and every refund, and with mail.remind_before a reminder, by SMTP where smtp.url is set, else into a \
            mailbox for each day in mail.directory. Consumer group notification-group.
            """,
            examples: """
                  orderflow notification --set mail.directory=/tmp/mail
                  ORDERFLOW_SMTP_URL=smtps://user:password@mail.example:465 orderflow notification
                """)
        ServiceDatabase.notification
        Publishes(NotificationSent.self, NotificationExpired.self, OrderReminderDue.self, on: .orderEvents)
        // One contact an order, and one mail an order and kind, for ever.
        Consumes(.orderEvents, usesInbox: false, urgency: .patient) { context in
            let mail = context.settings[MailSettings.self]
            return NotificationHandler(
                recipientDomain: mail.recipientDomain, messageDomain: mail.messageDomain,
                expiresAfter: mail.expiresAfter, reminders: Reminders(before: mail.remindBefore),
                topic: context.topics.orderEvents, source: context.source,
                desk: context.shared(MailDesk()))
        }
        Replicates("contacts", keptBy: NotificationGroup.name) {
            .contacts(recipientDomain: $0.settings[MailSettings.self].recipientDomain)
        }
        Runs { try Mailer.running($0) }
        SettingKey(
            "mail.directory", \MailSettings.directory, .path,
            """
            Where mails are written while smtp.url is empty: a mailbox for each day, such as 2026-11-30.mbox, which mail \
            readers open.
            """)
        SettingKey("mail.from", \MailSettings.from, .mailAddress, "The sender of mails to customers.")
        SettingKey(
            "mail.recipient_domain", \MailSettings.recipientDomain, .domain,
            "A customer whose order has no address gets mail at userId@ this domain.")
        SettingKey(
            "smtp.url", \MailSettings.server,
            optional: .url("smtp", "smtps", example: "smtps://user:password@mail.example:465"),
            "The mail server; empty writes mails to mail.directory.")
        SettingKey(
            "mail.expires_after", \MailSettings.expiresAfter, .duration(.seconds(1) ... .seconds(3650 * 86_400)),
            """
            So long after what a mail tells of it isn't sent any more: NotificationExpired says so. It counts after an \
            outage, and where the group reads the topic from its beginning.
            """)
        SettingKey(
            "mail.remind_before", \MailSettings.remindBefore,
            optional: .duration(.seconds(1) ... .seconds(3650 * 86_400)),
            """
            How long before an order with a placeAt is placed its customer is reminded of it, such as 24h; empty reminds \
            nobody.
            """)
        Alert(
            "OrderflowMailLate", "max(orderflow_mail_queue_oldest_seconds) > 900", for: "5m", .ticket,
            "{{ $value | humanizeDuration }} that a customer waits for a mail")
        Measures([
            "orderflow_mails_total": "Mails by what became of them.",
            "orderflow_mail_queue_depth": "Mails that wait to be sent, counted up to 100000.",
            "orderflow_mail_queue_oldest_seconds": "Age of the oldest mail that waits; 0 with none.",
        ])
    }
}

/// Where mails go, and what they say of their sender.
package struct MailSettings: SettingsSection {
    package var directory = "var/mail"
    package var from = "orders@orderflow.example"
    /// For customers whose order says no address: userId@domain.
    package var recipientDomain = "customers.example"
    /// The mail server; nil writes mails to `directory`.
    package var server: String?
    package var expiresAfter: Duration = .seconds(7 * 86_400)
    package var remindBefore: Duration?

    package init() {}
}

extension MailSettings {
    /// Of message ids.
    var messageDomain: String { from.split(separator: "@").last.map(String.init) ?? "localhost" }
}

/// The service's consumer group.
package enum NotificationGroup {
    package static let name = "notification-group"
}
