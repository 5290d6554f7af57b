import Orders

extension Currency {
    /// Of a row or document of ours. Throws for a code that this version of the program doesn't know: an amount in
    /// another currency than its own would be another amount.
    init(stored code: String) throws(UnknownCurrency) {
        guard let known = Currency(code: code) else { throw UnknownCurrency(code: code) }
        self = known
    }
}

/// A row or document says an amount in a currency that this version of the program doesn't know.
struct UnknownCurrency: Error, CustomStringConvertible {
    let code: String
    var description: String { "unknown currency '\(code)'" }
}
