import JSON

/// What a request is answered (specification, section 7.1).
public struct Response: Sendable {
    /// Nil where execution never began: errors of the request, without `data` in the response. `.null` where an error
    /// went up to the root.
    public var data: ResponseValue?
    public var errors: [GraphQLError]
    public var extensions: JSONObject

    public init(data: ResponseValue?, errors: [GraphQLError] = [], extensions: JSONObject = JSONObject()) {
        self.data = data
        self.errors = errors
        self.extensions = extensions
    }

    public init(refused errors: [GraphQLError]) { self.init(data: nil, errors: errors) }

    /// Appends the response as JSON; errors come first, as the specification advises.
    public func write(into writer: inout JSONWriter) {
        writer.object { json in
            if !errors.isEmpty {
                json.key("errors")
                json.array { for error in errors { error.write(into: &$0) } }
            }
            if let data {
                json.key("data")
                data.write(into: &json)
            }
            if !extensions.members.isEmpty { json.field("extensions", .object(extensions)) }
        }
    }

    public var bytes: [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        write(into: &writer)
        return writer.bytes
    }
}

/// A response's data, its keys in the order of the document (section 7.2.2).
public indirect enum ResponseValue: Sendable {
    case null
    case leaf(JSONValue)
    case list([ResponseValue])
    case object([(key: String, value: ResponseValue)])

    public func write(into writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .leaf(let value): writer.value(value)
        case .list(let elements): writer.array { for element in elements { element.write(into: &$0) } }
        case .object(let members):
            writer.object { json in
                for member in members {
                    json.key(dynamic: member.key)
                    member.value.write(into: &json)
                }
            }
        }
    }

    public subscript(key: String) -> ResponseValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    public subscript(index: Int) -> ResponseValue? {
        guard case .list(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
