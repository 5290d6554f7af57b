import Execution
import Fulfilment
import Inventory
import Notification
import OrderAPI
import OrderflowKit
import Payment
import Projection
import Query
import Shipping
import Webhooks

/// The program: a daemon for each service that it is given, and the commands of those who operate them.
///
///     @main enum Shop {
///         static func main() async { await OrderflowApp.run(.standard + [.loyalty]) }
///     }
public enum OrderflowApp {
    private static let installed = Monitor<ServiceCatalogue?>(nil)

    /// The services of this program: the standard ones until `run` has been given others.
    package static var services: ServiceCatalogue {
        installed.withLock { installed in
            let services = installed ?? ServiceCatalogue(.standard)
            installed = services
            return services
        }
    }

    /// Runs what the command line names, and ends the process.
    ///
    /// - Parameter services: in the order in which they are listed. No two have a name, port, database, group, topic or
    ///   setting in common: that traps.
    public static func run(_ services: [ServiceModule]) async {
        installed.withLock { $0 = ServiceCatalogue(services) }
        await Orderflow.main()
    }
}

extension [ServiceModule] {
    /// The shop: orders, their fulfilment, and what customers and reports read.
    public static let standard: [ServiceModule] = [
        .api, .query, .shipping, .notification, .projection, .payment, .inventory, .saga, .webhooks,
    ]
}
