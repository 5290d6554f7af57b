import OrderflowKit

/// How `POST /quotes` waits for inventory.
package struct QuotesSettings: SettingsSection {
    package var timeout: Duration = .seconds(2)
    package var inFlight = 500

    package init() {}

    static let keys = [
        SettingKey(
            "quotes.timeout", \QuotesSettings.timeout, .duration(.milliseconds(50) ... .seconds(30)),
            "How long POST /quotes waits for inventory; 504 after that."),
        SettingKey(
            "quotes.in_flight", \QuotesSettings.inFlight, .integer(1...10_000),
            "Quotes of one process that may wait for inventory at once; more are answered 503 with Retry-After."),
    ]
}
