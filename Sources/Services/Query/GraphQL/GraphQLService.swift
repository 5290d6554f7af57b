import Execution
import Logging
import OrderflowKit
import Postgres

/// What GraphQL needs besides the read models.
package struct GraphQLBackend: Sendable {
    let writes: any WriteSide
    let histories: any OrderHistories

    package init(writes: any WriteSide, histories: any OrderHistories) {
        self.writes = writes
        self.histories = histories
    }
}

/// GraphQL in a process that answers queries.
///
/// All roles answer by one schema. What one of them hasn't got itself it asks the role for that has, in the caller's name:
/// the query role sends mutations on to the API, which judges them as any other request.
enum GraphQLService {
    static func running(
        _ context: ServiceContext, views: ConnectionPool, watch: OrderWatch, _ backend: GraphQLBackend?
    ) throws -> Running {
        let settings = context.settings
        let own = settings[GraphQLSettings.self]
        var running = Running()
        func link(_ role: String, threads: Int = 4) -> RoleLink? {
            guard let url = RoleURLs.url(of: role, settings) else { return nil }
            let link = RoleLink(
                role, url: url, threads: threads, deadline: own.roleDeadline, logger: context.logger)
            context.collectors.watch(link.breaker)
            running.parts += link.parts
            return link
        }
        let links = ShopLinks(
            saga: link("saga", threads: 2), inventory: link("inventory"), service: settings.auth.serviceHeaders)
        let backend = backend ?? forwarding(to: link("api", threads: 8))
        let sources = GraphQLSources(
            views: views, changes: OrderChanges(views: views, watch: watch), links: links, writes: backend.writes,
            histories: backend.histories)
        let isOpen = (try? settings.accessMode()) == .open
        let showsPage = own.page.map { $0 == .on } ?? isOpen
        let page = showsPage ? GraphQLPage(showsSchema: own.introspection == .on) : nil
        running.routes = try GraphQLEndpoint(sources, own, page: page, logger: context.logger).routes
        return running
    }

    private static func forwarding(to api: RoleLink?) -> GraphQLBackend {
        guard let api else { return GraphQLBackend(writes: NoAPI(), histories: NoAPI()) }
        return GraphQLBackend(writes: ForwardedWrites(api: api), histories: ForwardedHistories(api: api))
    }
}
