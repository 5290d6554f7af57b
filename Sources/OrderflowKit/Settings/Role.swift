/// The daemons, one a subcommand.
package enum Role: String, CaseIterable, Sendable {
    case api, query, shipping, notification, projection, payment, inventory, saga

    /// Its port's distance from `http.port`, so that all of them fit on one machine.
    package var portOffset: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// What its processes are called in `pg_stat_activity`.
    package var applicationName: String { "orderflow \(rawValue)" }

    /// One line for tables and help.
    package var summary: String {
        switch self {
        case .api: "takes orders over HTTP into the event store and publishes them; answers queries"
        case .query: "answers queries alone, from the read models"
        case .shipping: "prepares, dispatches and cancels shipments"
        case .notification: "sends mails to customers"
        case .projection: "folds every fact into the read models"
        case .payment: "charges and refunds by the payment gateway"
        case .inventory: "reserves and releases stock"
        case .saga: "leads every order to confirmed or cancelled"
        }
    }
}

extension Settings {
    package func port(of role: Role) -> Int {
        if let port = rolePort[role] { return port }
        return http.port == 0 ? 0 : http.port + role.portOffset
    }
}
