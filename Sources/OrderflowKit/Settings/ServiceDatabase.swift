import Postgres

/// The databases, one a service (DESIGN section 6). Each belongs to a role of the same name.
package enum ServiceDatabase: String, CaseIterable, Sendable {
    case orders, views, shipping, notification, payment, inventory, saga

    /// On the server: both the database and the role that owns its tables.
    package var nameOnServer: String { "orderflow_\(rawValue)" }

    /// The consumer groups that keep their offsets, inboxes and dead letters here.
    package var groups: [String] {
        switch self {
        case .orders: [ConsumerGroup.order, ConsumerGroup.orderOutcomes]
        case .views: [ConsumerGroup.projection, ConsumerGroup.invoicing, ConsumerGroup.sales]
        case .shipping: [ConsumerGroup.shipping]
        case .notification: [ConsumerGroup.notification]
        case .payment: [ConsumerGroup.payment]
        case .inventory: [ConsumerGroup.inventory]
        case .saga: [ConsumerGroup.saga]
        }
    }

    /// The role whose processes consume for these groups.
    package var consumer: Role {
        switch self {
        case .orders: .api
        case .views: .projection
        case .shipping: .shipping
        case .notification: .notification
        case .payment: .payment
        case .inventory: .inventory
        case .saga: .saga
        }
    }

    package static func holding(group: String) -> ServiceDatabase? { allCases.first { $0.groups.contains(group) } }
}

extension Settings {
    /// The administrator's connection: only `migrate` uses it.
    package func administratorDatabase() throws(PostgresError) -> PostgresConfiguration {
        limited(try PostgresConfiguration(database.url))
    }

    /// How a service reaches its database: its own URL, or `database.url` with database and role replaced.
    package func database(of service: ServiceDatabase) throws(PostgresError) -> PostgresConfiguration {
        if let url = serviceDatabaseURL[service] { return limited(try PostgresConfiguration(url)) }
        let name = service.nameOnServer
        return limited(try PostgresConfiguration(database.url).with(database: name, user: name))
    }

    private func limited(_ configuration: PostgresConfiguration) -> PostgresConfiguration {
        var configuration = configuration
        configuration.connectTimeout = database.connectTimeout
        configuration.statementTimeout = database.statementTimeout
        configuration.lockTimeout = database.lockTimeout
        return configuration
    }
}
