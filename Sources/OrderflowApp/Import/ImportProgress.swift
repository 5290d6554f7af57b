import Execution

/// How far an import is, in words.
struct ImportProgress: Hashable, Sendable {
    /// Bytes of the input that are done with; of a pipe nobody knows how many there are.
    var bytes: Int64 = 0
    var size: Int64?
    var accepted = 0
    var refused = 0
    /// Of both, those of earlier runs, and their bytes.
    var resumedOrders = 0
    var resumedBytes: Int64 = 0

    private static let barWidth: Int64 = 24

    var orders: Int { accepted + refused }

    /// `[######------------------] 25%  25000 orders, 3 refused, 4100/s, 18s left`
    func text(elapsed: Duration) -> String {
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(orders - resumedOrders) / seconds : 0
        var text = "\(orders) orders"
        if refused > 0 { text += ", \(refused) refused" }
        text += ", \(Int64(saturating: rate.rounded(.down)))/s"
        guard let size, size > 0, bytes <= size else { return text }
        // Not `bytes * width / size`: a file may have any size.
        let share = Double(bytes) / Double(size)
        let filled = Int(share * Double(Self.barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Int(Self.barWidth) - filled)
        text = "[\(bar)] \(Int(share * 100))%  " + text
        let pace = seconds > 0 ? Double(bytes - resumedBytes) / seconds : 0
        guard bytes < size, pace > 0 else { return text }
        return text + ", \(Self.time(Int64(saturating: (Double(size - bytes) / pace).rounded(.up)))) left"
    }

    /// `42s`, `7m 5s`, `2h 3m`.
    static func time(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3_600: "\(seconds / 60)m \(seconds % 60)s"
        default: "\(seconds / 3_600)h \(seconds % 3_600 / 60)m"
        }
    }
}
