import Fulfilment
import Inventory
import OrderAPI
import OrderflowKit
import Payment
import Shipping

extension ServiceCatalogue {
    /// The services that take part in the fulfilment.
    static let fulfilment = ServiceCatalogue([.api, .shipping, .payment, .inventory, .saga])
}
