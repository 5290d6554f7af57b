import Hashing
import Orders

/// Tells whether two requests ask for the same order, whatever their white space and unknown members.
package enum RequestDigest {
    package static func of(_ order: OrderRequest) -> String {
        // The order as an event with everything that a request doesn't decide held fixed.
        of(OrderFact(.created(order.created(orderID: "", at: 0))).payload())
    }

    package static func of(_ canonical: [UInt8]) -> String {
        Digest.sha256.hash(canonical).prefix(16).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }
}
