import Execution
import Foundation
import JSON
import Outbound
import Schemas

/// Asks a schema registry by Confluent's REST API ("Schema Registry API Reference"), blocking the calling thread for a
/// bounded time. Any thread may call.
///
/// What the registry itself says is told from what stands between: an id or a subject isn't there where its error code
/// says so (40401, 40403), and not where some proxy has answered 404.
package final class RegistryClient: Sendable {
    /// Why there is no answer, or not the one that was wanted.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// There was no answer, or one that isn't the registry's, or it is in trouble. Another time it may.
        case away(String)
        /// There is no such id, subject or schema.
        case missing(String)
        /// Its last word: the schema is not compatible with the subject's last one (409), or none at all (422).
        case refused(String)

        package var description: String {
            switch self {
            case .away(let words): "the schema registry can't be asked: \(words)"
            case .missing(let words), .refused(let words): words
            }
        }
    }

    /// A call that brought no answer is made again so often, after a wait with jitter.
    private static let retries = 2
    private static let responseLimit = 2 << 20

    package let url: String
    package let breaker: CircuitBreaker
    private let client: HTTPClient
    private let headers: [(name: String, value: String)]

    /// - Parameter onChange: called as the circuit opens and closes.
    package init(
        url: String, _ settings: SchemaSettings, onChange: @escaping @Sendable (CircuitBreaker.State) -> Void = { _ in }
    ) {
        var http = HTTPClient.Configuration()
        http.timeout = settings.registryTimeout
        http.connectTimeout = min(http.connectTimeout, settings.registryTimeout)
        http.responseLimit = Self.responseLimit
        http.idleLimit = 2
        http.certificateAuthorities = settings.registryCA
        client = HTTPClient(http)
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        var headers = [("Accept", Self.mediaType), ("Content-Type", Self.mediaType)]
        if let user = settings.registryUser {
            let pair = Data("\(user):\(settings.registryPassword ?? "")".utf8).base64EncodedString()
            headers.append(("Authorization", "Basic \(pair)"))
        }
        self.headers = headers
        breaker = CircuitBreaker(name: "schema_registry", threshold: 3, onChange: onChange)
    }

    private static let mediaType = "application/vnd.schemaregistry.v1+json"

    /// The id of a schema, which is registered under its subject where it isn't yet.
    package func id(of schema: SchemaText) throws(Failure) -> Int32 {
        let subject = Self.escaped(schema.subject)
        let body = Self.body(schema)
        do throws(Failure) {
            return try Self.id(in: call("/subjects/\(subject)", body))
        } catch .missing {
            return try Self.id(in: call("/subjects/\(subject)/versions", body))
        }
    }

    /// The schema of an id.
    package func schema(of id: Int32) throws(Failure) -> (text: String, format: SchemaFormat) {
        let answer = try call("/schemas/ids/\(id)")
        guard let text = answer["schema"]?.string else { throw .away("an answer without a schema") }
        switch answer["schemaType"]?.string {
        case nil, "AVRO": return (text, .avro)
        case "PROTOBUF": return (text, .protobuf)
        case .some(let other): throw .refused("id \(id) is of a schema in \(other), which isn't read here")
        }
    }

    /// Whether the registry would take a schema after the subject's last one.
    ///
    /// - Returns: what it has against it; nothing for a subject that it doesn't know.
    package func flaws(of schema: SchemaText) throws(Failure) -> [String] {
        let path = "/compatibility/subjects/\(Self.escaped(schema.subject))/versions/latest?verbose=true"
        let answer: JSONValue
        do throws(Failure) {
            answer = try call(path, Self.body(schema))
        } catch .missing {
            return []
        }
        guard let isCompatible = answer["is_compatible"]?.bool else { throw .away("an answer without a verdict") }
        guard !isCompatible else { return [] }
        let messages = (answer["messages"]?.array ?? []).compactMap(\.string)
        return messages.isEmpty ? ["is not compatible with the last one"] : messages
    }

    // MARK: Calls

    private static func body(_ schema: SchemaText) -> [UInt8] {
        let type = schema.reference.format == .avro ? "AVRO" : "PROTOBUF"
        return JSONValue.object(["schemaType": .string(type), "schema": .string(schema.text)]).bytes
    }

    private static func id(in answer: JSONValue) throws(Failure) -> Int32 {
        guard let id = answer["id"]?.int64.flatMap({ Int32(exactly: $0) }), id > 0 else {
            throw .away("an answer without an id")
        }
        return id
    }

    /// Names of subjects are ours: letters, digits and dots. Those signs stay what they are in a URL (RFC 3986 §2.3).
    private static func escaped(_ subject: String) -> String {
        subject.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "._-")))
            ?? subject
    }

    /// One answer. What may be asked again without harm, as all of these may, is, while nobody answers.
    private func call(_ path: String, _ body: [UInt8]? = nil) throws(Failure) -> JSONValue {
        do {
            try breaker.permit()
        } catch {
            throw .away("\(error)")
        }
        var waits = Backoff(base: .milliseconds(100), cap: .seconds(1))
        while true {
            do throws(Failure) {
                let answer = try send(path, body)
                breaker.succeeded()
                return answer
            } catch .away(let words) {
                guard waits.attempt < Self.retries else {
                    breaker.failed()
                    throw .away(words)
                }
                StopSignal().wait(for: waits.next())
            } catch {
                breaker.succeeded()
                throw error
            }
        }
    }

    private func send(_ path: String, _ body: [UInt8]?) throws(Failure) -> JSONValue {
        let response: HTTPClient.Response
        do {
            response = try client.send(HTTPClient.Request(url: url + path, body: body, headers: headers))
        } catch {
            throw .away("\(error)")
        }
        let answer = response.isTruncated ? nil : try? JSONValue(parsing: response.body)
        if response.status == 200, let answer { return answer }
        let words = "HTTP \(response.status)" + (answer?["message"]?.string.map { ", \($0.prefix(500))" } ?? "")
        switch (response.status, answer?["error_code"]?.int64) {
        // 40402 is a version that isn't there, which `latest` is not either where there is none.
        case (404, 40_401?), (404, 40_402?), (404, 40_403?): throw .missing(words)
        case (409, .some), (422, .some): throw .refused(words)
        default: throw .away(words)
        }
    }
}
