/// Whether something urgent is to be expected, because there was some lately: an order's messages come one after another,
/// and where one order was urgent others will be.
///
/// A value: it knows the time that it is told.
public struct Alert: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// How long after something urgent more is expected: longer than an order is on its way.
    public static let span: Duration = .seconds(10)

    private var until: Instant?

    public init() {}

    /// Notes that there was something urgent.
    public mutating func raise(at now: Instant) { until = now + Self.span }

    public func isOn(at now: Instant) -> Bool { until.map { now < $0 } ?? false }
}
