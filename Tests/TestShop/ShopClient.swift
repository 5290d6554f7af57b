import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A customer, by HTTP.
public struct ShopClient: Sendable {
    public let base: String
    /// Nil where requests don't say.
    public let tenant: String?
    /// A token or a key; nil where requests bring none.
    public private(set) var credential: String?

    public init(port: Int, tenant: String? = nil) {
        base = "http://127.0.0.1:\(port)"
        self.tenant = tenant
    }

    /// The same with a token or a key.
    public func bearing(_ credential: String) -> ShopClient {
        var client = self
        client.credential = credential
        return client
    }

    /// An answer, its JSON read when it is asked for.
    public struct Answer: Sendable {
        public let status: Int
        public let headers: [String: String]
        public let body: Data

        public func json() throws -> [String: any Sendable] {
            // Values of JSONSerialization are immutable trees of strings, numbers and collections of them.
            try JSONSerialization.jsonObject(with: body) as? [String: any Sendable] ?? [:]
        }

        public var text: String { String(decoding: body, as: UTF8.self) }

        public func header(_ name: String) -> String? {
            headers.first { $0.key.caseInsensitiveCompare(name) == .orderedSame }?.value
        }
    }

    /// - Parameter orNil: nil instead of an error when nobody answers.
    public func get(_ path: String, orNil: Bool = false) async throws -> Answer? {
        do {
            return try await send("GET", path)
        } catch  where orNil {
            return nil
        }
    }

    public func get(_ path: String) async throws -> Answer { try await send("GET", path) }

    public func get(_ path: String, headers: [String: String]) async throws -> Answer {
        try await send("GET", path, headers: headers)
    }

    /// - Parameter patience: how long nothing may come, in seconds; then it throws `URLError.timedOut`.
    public func post(
        _ path: String, _ body: String = "", headers: [String: String] = [:], patience: TimeInterval = Self.patience
    ) async throws -> Answer {
        try await send("POST", path, body: body, headers: headers, patience: patience)
    }

    public static let patience: TimeInterval = 15

    /// Orders, and returns the id of the order; throws unless the answer is 201.
    public func order(_ body: String = Self.simpleOrder, key: String? = nil) async throws -> String {
        let answer = try await post("/orders", body, headers: key.map { ["Idempotency-Key": "\"\($0)\""] } ?? [:])
        guard answer.status == 201, let order = try answer.json()["order"] as? [String: any Sendable],
            let id = order["orderId"] as? String
        else { throw UnexpectedAnswer(status: answer.status, text: answer.text) }
        return id
    }

    /// The order as the read model has it, nil while it hasn't.
    public func view(_ id: String) async throws -> [String: any Sendable]? {
        let answer = try await get("/orders/\(id)")
        switch answer.status {
        case 200: return try answer.json()
        case 404: return nil
        default: throw UnexpectedAnswer(status: answer.status, text: answer.text)
        }
    }

    public static let simpleOrder = #"{"userId":"alice","items":[{"sku":"ABC","qty":2}],"total":49.99}"#

    private func send(
        _ method: String, _ path: String, body: String? = nil, headers: [String: String] = [:],
        patience: TimeInterval = Self.patience
    ) async throws -> Answer {
        guard let url = URL(string: base + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: patience)
        request.httpMethod = method
        if let body {
            request.httpBody = Data(body.utf8)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        if let tenant { request.setValue(tenant, forHTTPHeaderField: "X-Tenant-Id") }
        if let credential { request.setValue("Bearer \(credential)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await Self.session.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var fields: [String: String] = [:]
        for (name, value) in response.allHeaderFields { fields["\(name)"] = "\(value)" }
        return Answer(status: response.statusCode, headers: fields, body: data)
    }

    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpMaximumConnectionsPerHost = 32
        return URLSession(configuration: configuration)
    }()
}

/// An answer that the test had no use for.
public struct UnexpectedAnswer: Error, CustomStringConvertible {
    public let status: Int
    public let text: String
    public var description: String { "answer \(status): \(text)" }
}
