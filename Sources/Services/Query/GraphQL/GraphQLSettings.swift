import OrderflowKit

/// How GraphQL is answered, and what an operation may ask.
package struct GraphQLSettings: SettingsSection {
    /// Nil shows it where everybody is let in.
    package var page: Switch?
    package var introspection = Switch.on
    /// Bytes of a request.
    package var requestLimit = 128 << 10
    package var tokens = 5_000
    package var depth = 15
    package var cost = 10_000
    package var rootFields = 20
    package var aliases = 100
    /// Operations under way at once; streams aren't among them.
    package var operations = 256
    package var deadline: Duration = .seconds(10)
    package var roleDeadline: Duration = .seconds(2)
    package var documents = 1_000

    package init() {}

    package enum Switch: String, Sendable, CaseIterable {
        case off, on
    }

    /// In the module of a service that answers by them.
    static let keys: [SettingKey] = [
        SettingKey(
            "graphql.page", \GraphQLSettings.page, optional: .choice,
            "Whether GET /graphql shows browsers a page to try queries with; empty shows it where auth.mode is open."),
        SettingKey(
            "graphql.introspection", \GraphQLSettings.introspection, .choice,
            "Whether clients may ask for the schema (__schema, __type)."),
        SettingKey(
            "graphql.max_request", \GraphQLSettings.requestLimit, .bytes(1 << 10...16 << 20),
            "The largest request, its query and variables together; 413 beyond."),
        SettingKey(
            "graphql.max_tokens", \GraphQLSettings.tokens, .integer(1...1_000_000),
            "Tokens that a query's text may have."),
        SettingKey(
            "graphql.max_depth", \GraphQLSettings.depth, .integer(1...100),
            "Levels of selections within each other that a query may have."),
        SettingKey(
            "graphql.max_cost", \GraphQLSettings.cost, .integer(1...100_000_000),
            """
            What an operation may cost: each object of its answer 1 or as docs/schema.graphql says, as often as lists can \
            have it.
            """),
        SettingKey(
            "graphql.max_root_fields", \GraphQLSettings.rootFields, .integer(1...1_000),
            "Fields that an operation may ask for at its root."),
        SettingKey(
            "graphql.max_aliases", \GraphQLSettings.aliases, .integer(0...10_000), "Aliases that a query may have."),
        SettingKey(
            "graphql.max_operations", \GraphQLSettings.operations, .integer(1...100_000),
            "Operations that a process works on at once; 503 beyond. Subscriptions count as views.max_streams."),
        SettingKey(
            "graphql.timeout", \GraphQLSettings.deadline, .duration(.milliseconds(100) ... .seconds(600)),
            "How long an operation may take; what isn't there by then is null with an error."),
        SettingKey(
            "graphql.role_timeout", \GraphQLSettings.roleDeadline, .duration(.milliseconds(50) ... .seconds(60)),
            "How long fields wait for another role (saga, inventory, api) before they are null with an error."),
        SettingKey(
            "graphql.cached_documents", \GraphQLSettings.documents, .integer(1...1_000_000),
            "Checked queries that are kept, and found by their hash (persisted queries)."),
    ]
}

/// Where other roles answer those that ask them.
package struct RoleURLs: SettingsSection {
    /// Each is nil for the role's port on this machine.
    package var api: String?
    package var saga: String?
    package var inventory: String?

    package init() {}

    static let keys: [SettingKey] = [
        SettingKey(
            "api.url", \RoleURLs.api, optional: .url("http", "https", example: "http://api.internal:3000"),
            """
            Where the query role sends GraphQL's mutations, and asks for orders' events; empty is the API's port on this \
            machine.
            """),
        SettingKey(
            "saga.url", \RoleURLs.saga, optional: .url("http", "https", example: "http://saga.internal:3007"),
            "Where the saga role is asked for GET /orders/{id}/saga and for GraphQL; empty is its port on this machine."
        ),
        SettingKey(
            "inventory.url", \RoleURLs.inventory,
            optional: .url("http", "https", example: "http://inventory.internal:3006"),
            "Where the inventory role is asked for stock by GraphQL; empty is its port on this machine."),
    ]

    /// Where `role` answers; nil in a program without it.
    package static func url(of role: String, _ settings: Settings) -> String? {
        let urls = settings[RoleURLs.self]
        let set: String? =
            switch role {
            case "api": urls.api
            case "saga": urls.saga
            case "inventory": urls.inventory
            default: nil
            }
        return set ?? settings.services[role].map { settings.url(of: $0) }
    }
}
