import Fulfilment
import Inventory
import Notification
import OrderAPI
import Payment
import Postgres
import Projection
import Shipping

extension DatabaseProvisioner {
    /// Every service's schema.
    static let targets = [
        Target(database: .orders, migrations: OrderService.migrations),
        Target(database: .views, migrations: ProjectionService.migrations),
        Target(database: .shipping, migrations: ShippingService.migrations),
        Target(database: .notification, migrations: NotificationService.migrations),
        Target(database: .payment, migrations: PaymentService.migrations),
        Target(database: .inventory, migrations: InventoryService.migrations),
        Target(database: .saga, migrations: SagaService.migrations),
    ]
}
