/// "Did you mean…?" for a mistyped name.
package enum Suggestion {
    /// The closest of `names`, nil when none is close.
    package static func closest(to name: String, among names: [String]) -> String? {
        // `port` for `http.port`: the end of exactly one name.
        let endings = names.filter { $0.hasSuffix("." + name) || $0.hasSuffix("_" + name) }
        if endings.count == 1 { return endings[0] }
        let ranked = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= max(2, name.utf8.count / 5) else { return nil }
        return best.0
    }

    /// For the end of a message: empty when nothing is close.
    package static func text(for name: String, among names: [String]) -> String {
        closest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    package static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1] + Array(repeating: 0, count: b.count)
            for j in b.indices {
                row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
