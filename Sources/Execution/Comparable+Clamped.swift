extension Comparable {
    /// The value within `limits` that is nearest to this one.
    public func clamped(to limits: ClosedRange<Self>) -> Self { min(max(self, limits.lowerBound), limits.upperBound) }
}
