import Networks
import OrderflowKit
import Outbound

/// What tenants may have posted where, and how it is tried.
package struct WebhookSettings: SettingsSection {
    /// That may be called though they are private, loopback or link-local.
    package var allowNetworks: [AddressRange] = []
    package var allowHTTP = Permission.off
    /// A tenant may have.
    package var endpoints = 100
    /// Sends at once, to one endpoint and to all.
    package var concurrency = 4
    package var sends = 512
    package var timeout: Duration = .seconds(10)
    package var retryBase: Duration = .seconds(5)
    package var retryCap: Duration = .seconds(3600)
    package var giveUpAfter: Duration = .seconds(3 * 24 * 3600)
    /// How long the secret before a new one signs too.
    package var rotation: Duration = .seconds(24 * 3600)
    package var keep: Duration = .seconds(7 * 24 * 3600)

    package init() {}

    package enum Permission: String, Sendable, CaseIterable { case on, off }

    var rules: AddressRules { AddressRules(allowing: allowNetworks) }

    /// What is wrong with a URL, before its name is resolved; nil where nothing is.
    func fault(_ url: String) -> String? { DeliveryURL.fault(url, rules: rules, needsTLS: allowHTTP == .off) }

    /// How many ends of connections a sender keeps for later.
    private static let idleConnections = 256

    /// The sender of a process.
    func sender() throws -> any DeliverySender {
        var configuration = ConcurrentSender.Configuration()
        configuration.rules = rules
        configuration.concurrency = sends
        configuration.idleConnections = min(sends, Self.idleConnections)
        configuration.connectTimeout = min(timeout, configuration.connectTimeout)
        return try ConcurrentSender(configuration)
    }

    var rounds: DeliveryRounds.Configuration {
        var rounds = DeliveryRounds.Configuration()
        rounds.concurrency = concurrency
        rounds.sends = sends
        rounds.timeout = timeout
        rounds.retry.base = retryBase
        rounds.retry.cap = retryCap
        rounds.retry.circuitCap = min(rounds.retry.circuitCap, retryCap)
        rounds.retry.giveUpAfter = giveUpAfter
        return rounds
    }

    static let keys: [SettingKey] = [
        SettingKey(
            "webhooks.allow_networks", \WebhookSettings.allowNetworks, .addressRanges,
            """
            Networks that webhooks may be posted to though they are private, loopback, link-local or otherwise none of \
            the internet's. All others of those are refused when their names are resolved.
            """),
        SettingKey(
            "webhooks.allow_http", \WebhookSettings.allowHTTP, .choice,
            "Whether webhooks may go to http:// URLs, which every network on the way reads."),
        SettingKey(
            "webhooks.endpoints", \WebhookSettings.endpoints, .integer(1...10_000), "Webhooks that a tenant may have."),
        SettingKey(
            "webhooks.concurrency", \WebhookSettings.concurrency, .integer(1...64),
            "Posts at once to one webhook; an order's facts follow each other in any case."),
        SettingKey(
            "webhooks.sends", \WebhookSettings.sends, .integer(4...4_096),
            """
            Posts at once to all webhooks of a process. Those whose last posts have failed share an eighth of them.
            """),
        SettingKey(
            "webhooks.timeout", \WebhookSettings.timeout, .duration(.milliseconds(100) ... .seconds(60)),
            "For one post, resolving and connecting included."),
        SettingKey(
            "webhooks.retry_base", \WebhookSettings.retryBase, .duration(.milliseconds(10) ... .seconds(3600)),
            "First pause between tries of a fact; the pauses double."),
        SettingKey(
            "webhooks.retry_cap", \WebhookSettings.retryCap, .duration(.milliseconds(10) ... .seconds(86_400)),
            "Longest pause between tries of a fact."),
        SettingKey(
            "webhooks.give_up_after", \WebhookSettings.giveUpAfter, .duration(.seconds(1) ... .seconds(30 * 86_400)),
            """
            How long a webhook may accept nothing, or one fact be refused, before the webhook is suspended. Its facts \
            wait for it to be resumed.
            """),
        SettingKey(
            "webhooks.rotation", \WebhookSettings.rotation, .duration(.zero ... .seconds(30 * 86_400)),
            "How long the former secret signs too after it was rotated."),
        SettingKey(
            "webhooks.keep", \WebhookSettings.keep, .duration(.seconds(60) ... .seconds(365 * 86_400)),
            "How long facts are kept that all webhooks have accepted: so far back a replay reaches."),
    ]
}
