import HTTPServer
import Hashing
import JSON

/// The parameters of a request (GraphQL over HTTP, "Request Parameters").
struct GraphQLRequest: Sendable {
    /// Nil where a hash names it.
    var query: String?
    var operationName: String?
    var variables = JSONObject()
    /// SHA-256 of the query, in lower-case hexadecimal; nil where the client doesn't persist it.
    var hash: String?

    /// From the body of a POST: 400 for what is no JSON, 422 for JSON that is no request.
    init(body: UnsafeRawBufferPointer) throws(HTTPProblem) {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: body, depthLimit: Self.depthLimit)
        } catch {
            throw HTTPProblem(.badRequest, title: "Malformed JSON", detail: "\(error)")
        }
        guard case .object(let object) = document else { throw Self.malformed("the body must be an object") }
        query = try Self.text(object["query"], "query")
        operationName = try Self.text(object["operationName"], "operationName")
        variables = try Self.object(object["variables"], "variables")
        try take(extensions: try Self.object(object["extensions"], "extensions"))
    }

    /// From the query of a GET's target; an empty parameter is none.
    init(query request: borrowing HTTPRequest) throws(HTTPProblem) {
        func text(_ name: String) throws(HTTPProblem) -> String? {
            try request.query(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        func object(_ name: String) throws(HTTPProblem) -> JSONObject {
            guard let text = try text(name) else { return JSONObject() }
            guard let value = try? JSONValue(parsing: Array(text.utf8), depthLimit: Self.depthLimit) else {
                throw HTTPProblem(.badRequest, title: "Malformed JSON", detail: "\(name) is no JSON")
            }
            return try Self.object(value, name)
        }
        query = try text("query")
        operationName = try text("operationName")
        variables = try object("variables")
        try take(extensions: try object("extensions"))
    }

    private static let depthLimit = 64

    /// `{"persistedQuery":{"version":1,"sha256Hash":"…"}}`, as clients with automatic persisted queries send it.
    private mutating func take(extensions: JSONObject) throws(HTTPProblem) {
        if let persisted = extensions["persistedQuery"], !persisted.isNull {
            guard persisted["version"]?.int64 == 1, let hash = persisted["sha256Hash"]?.string,
                hash.utf8.count == 64, Hexadecimal.bytes(hash.lowercased()) != nil
            else { throw Self.malformed("extensions.persistedQuery must have version 1 and a sha256Hash") }
            self.hash = hash.lowercased()
        }
        if query == nil, hash == nil { throw Self.malformed("query is required") }
    }

    private static func text(_ value: JSONValue?, _ name: String) throws(HTTPProblem) -> String? {
        switch value {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw malformed("\(name) must be a string")
        }
    }

    private static func object(_ value: JSONValue?, _ name: String) throws(HTTPProblem) -> JSONObject {
        switch value {
        case nil, .null: return JSONObject()
        case .object(let object): return object
        default: throw malformed("\(name) must be an object")
        }
    }

    private static func malformed(_ detail: String) -> HTTPProblem {
        HTTPProblem(.unprocessableContent, title: "Not a GraphQL request", detail: detail)
    }
}
