import Orders

extension Currency {
    /// Of a row or document of ours. Throws for a code that this version of the program doesn't know: an amount in
    /// another currency than its own would be another amount.
    package init(stored code: String) throws(UnknownCurrency) {
        guard let known = Currency(code: code) else { throw UnknownCurrency(code: code) }
        self = known
    }
}

/// A row or document says an amount in a currency that this version of the program doesn't know.
package struct UnknownCurrency: Error, CustomStringConvertible {
    package let code: String
    package var description: String { "unknown currency '\(code)'" }
}
