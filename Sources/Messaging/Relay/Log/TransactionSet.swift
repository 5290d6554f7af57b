/// The transactions that a `pg_snapshot` sees (PostgreSQL 15 documentation, 9.27): those below `ceiling` but for the open
/// ones.
struct TransactionSet: Equatable {
    /// Everything below it is seen.
    let floor: UInt64
    /// Nothing from here on is.
    let ceiling: UInt64
    /// Those between that aren't, in ascending order.
    let open: [UInt64]

    private init(below ceiling: UInt64, without open: [UInt64]) {
        floor = open.first ?? ceiling
        self.ceiling = ceiling
        self.open = open
    }

    /// As PostgreSQL writes it, `xmin:xmax:xip,…`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let floor = UInt64(parts[0]), let ceiling = UInt64(parts[1]), floor <= ceiling else {
            return nil
        }
        var open: [UInt64] = []
        for part in parts[2].split(separator: ",", omittingEmptySubsequences: false) where !parts[2].isEmpty {
            guard let id = UInt64(part), id >= floor, id < ceiling, open.last.map({ $0 < id }) ?? true else {
                return nil
            }
            open.append(id)
        }
        self.floor = floor
        self.ceiling = ceiling
        self.open = open
    }

    func contains(_ id: UInt64) -> Bool {
        if id < floor { return true }
        guard id < ceiling else { return false }
        var range = 0..<open.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if open[middle] == id { return false }
            range = open[middle] < id ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return true
    }

    /// Whether `other` sees whatever this one sees.
    func isSubset(of other: TransactionSet) -> Bool {
        guard other.open.allSatisfy({ !contains($0) }) else { return false }
        guard ceiling > other.ceiling else { return true }
        // Those above have all to be open here.
        return floor <= other.ceiling
            && UInt64(open.lazy.filter { $0 >= other.ceiling }.count) == ceiling - other.ceiling
    }

    /// With `ids` besides. Nil where more than `limit` transactions would have to be named for it: those between that aren't
    /// among them.
    func union(_ ids: Set<UInt64>, limit: Int) -> TransactionSet? {
        guard let last = ids.max() else { return self }
        let (above, overflows) = last.addingReportingOverflow(1)
        guard !overflows else { return nil }
        let top = max(ceiling, above)
        guard top - ceiling <= UInt64(limit) + UInt64(ids.count) else { return nil }
        let open = (open + (ceiling..<top)).filter { !ids.contains($0) }
        return open.count <= limit ? TransactionSet(below: top, without: open) : nil
    }
}

extension TransactionSet: CustomStringConvertible {
    var description: String { "\(floor):\(ceiling):" + open.map { "\($0)" }.joined(separator: ",") }
}
