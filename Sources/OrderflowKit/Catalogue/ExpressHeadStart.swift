/// How express work gets ahead in a table that is worked off by when rows are due: it is due so long before it came.
///
/// It goes ahead of what has waited for less than that. So it can't keep what is older from being done, however much of it
/// there is, and needs neither an index nor a query of its own.
package enum ExpressHeadStart {
    /// An SQL interval.
    package static let sql = "interval '1 hour'"
}
