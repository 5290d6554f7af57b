/// What the router says about a method and a path.
enum RouteMatch {
    case route(Route)
    /// The path is known, but not with this method. OPTIONS is answered with this too.
    case otherMethods(allow: String)
    case none
}

extension Router {
    func match(_ method: HTTPMethod, _ segments: borrowing PathSegments) -> RouteMatch {
        var otherMethods: Int?
        if let route = find(method, segments, depth: 0, node: 0, otherMethods: &otherMethods) { return .route(route) }
        return otherMethods.map { .otherMethods(allow: nodes[$0].allow) } ?? .none
    }

    /// Depth first, literals before the parameter. At most two branches a segment, and patterns are few, so that
    /// going back costs little.
    private func find(
        _ method: HTTPMethod, _ segments: borrowing PathSegments, depth: Int, node index: Int,
        otherMethods: inout Int?
    ) -> Route? {
        if depth == segments.count {
            if nodes[index].routes.isEmpty { return nil }
            if let route = route(for: method, at: index) { return route }
            otherMethods = otherMethods ?? index
            return nil
        }
        let segment = segments[depth]
        for literal in nodes[index].literals where literal.segment.elementsEqual(segment) {
            if let route = find(
                method, segments, depth: depth + 1, node: literal.node, otherMethods: &otherMethods)
            {
                return route
            }
        }
        guard let parameter = nodes[index].parameter, !segment.isEmpty else { return nil }
        return find(method, segments, depth: depth + 1, node: parameter, otherMethods: &otherMethods)
    }

    private func route(for method: HTTPMethod, at node: Int) -> Route? {
        let routes = nodes[node].routes
        if let route = routes.first(where: { $0.method == method }) { return route }
        return method == .head ? routes.first { $0.method == .get } : nil
    }
}
