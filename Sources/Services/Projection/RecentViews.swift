import Messaging
import OrderflowKit

/// A view, and which version of its row it was read from.
///
/// A class, since a view has many parts and goes from one collection to the next.
package final class StoredView: Sendable {
    package let view: OrderView
    /// The row's `xmin`: the transaction that wrote it.
    let row: String
    /// Bytes of its first piece, and of all.
    let head: Int
    let size: Int

    init(view: OrderView, row: String, head: Int, size: Int) {
        self.view = view
        self.row = row
        self.head = head
        self.size = size
    }
}

/// The views that were written last.
///
/// A fact that the guess has already isn't believed to be in the table (`OrderViewFold.save`). So nothing goes wrong with a
/// guess after a rollback either.
package typealias RecentViews = RecentRows<OrderKey, StoredView>

extension RecentViews {
    /// - Parameter limit: bytes of documents; a view takes some four times as much as its pieces. The standard is 1 300 to 2 600
    ///   orders: those of four seconds at 300 a second.
    package convenience init(limit: Int = 4 << 20) { self.init(limit: limit) { $0.size } }
}
