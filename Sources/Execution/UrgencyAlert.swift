/// Whether something urgent is to be expected, because there was some lately: an order's messages come one after another,
/// and where one order was urgent others will be.
///
/// A value: it knows the time that it is told.
package struct UrgencyAlert: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// How long after something urgent more is expected: longer than an order is on its way.
    package static let span: Duration = .seconds(10)

    private var until: Instant?

    package init() {}

    /// Notes that there was something urgent.
    package mutating func raise(at now: Instant) { until = now + Self.span }

    package func isOn(at now: Instant) -> Bool { until.map { now < $0 } ?? false }
}
