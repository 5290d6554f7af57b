import JSON

extension JSONWriter {
    /// An amount as an exact JSON number, and its currency beside it.
    public mutating func money(_ name: StaticString, _ money: Money) {
        key(name)
        raw { money.append(to: &$0) }
        field("currency", money.currency.code)
    }

    /// Words from outside, cut and cleaned to what every reader takes.
    public mutating func reason(_ words: String) { field("reason", words.fitted(to: FactLimit.reason)) }

    /// Microseconds since the Unix epoch, as RFC 3339 text.
    public mutating func time(_ name: StaticString, _ microseconds: Int64) {
        key(name)
        raw { RFC3339.append(microseconds, to: &$0) }
    }

    public mutating func items(_ items: [OrderLine]) {
        key("items")
        lines(items)
    }
}
