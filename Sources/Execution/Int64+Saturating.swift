extension Int64 {
    /// The nearest whole number: what is out of range becomes the bound, and what is no number 0. For measures that
    /// others have written down.
    public init(saturating value: Double) {
        let rounded = value.rounded()
        self = Int64(exactly: rounded) ?? (rounded.isNaN ? 0 : rounded < 0 ? .min : .max)
    }
}
