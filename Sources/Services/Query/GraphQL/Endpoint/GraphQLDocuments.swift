import GraphQL

/// From a request's text or hash to a document that is valid.
struct GraphQLDocuments: Sendable {
    private let schema: Schema
    private let limits: DocumentLimits
    private let cache: DocumentCache

    init(_ schema: Schema, _ settings: GraphQLSettings) {
        self.schema = schema
        var limits = DocumentLimits()
        limits.tokens = settings.tokens
        limits.depth = settings.depth
        limits.rootFields = settings.rootFields
        limits.aliases = settings.aliases
        limits.cost = settings.cost
        limits.introspection = settings.introspection == .on
        self.limits = limits
        cache = DocumentCache(capacity: settings.documents)
    }

    /// Throws all that is wrong with it.
    func document(_ request: GraphQLRequest) throws(RequestErrors) -> PreparedDocument {
        guard let text = request.query else {
            guard let hash = request.hash, let document = cache.document(hash) else {
                // The client sends the query along, then.
                throw RequestErrors([GraphQLError("PersistedQueryNotFound", code: "PERSISTED_QUERY_NOT_FOUND")])
            }
            return document
        }
        let hash = DocumentCache.hash(of: text)
        if let named = request.hash, named != hash {
            throw RequestErrors([
                GraphQLError("the query's SHA-256 isn't sha256Hash", code: "PERSISTED_QUERY_HASH_MISMATCH")
            ])
        }
        if let known = cache.document(hash) { return known }
        let document = try schema.prepare(text, limits: limits)
        cache.keep(document, hash)
        return document
    }
}
