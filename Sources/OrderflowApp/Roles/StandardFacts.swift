import InventoryFacts
import NotificationFacts
import OrderFacts
import Orders
import PaymentFacts
import ShippingFacts
import UserFacts

extension FactCatalogue {
    /// All facts and commands of the installation, by which every group's door decodes.
    package static func standard() throws(Conflict) -> FactCatalogue {
        try FactCatalogue(joining: [.orders, .users, .inventory, .payment, .shipping, .notification])
    }
}
