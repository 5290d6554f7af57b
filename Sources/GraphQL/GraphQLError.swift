import JSON

/// A step on the way from the root of a response to a field: a response key or an index of a list.
public enum PathElement: Hashable, Sendable {
    case key(String)
    case index(Int)
}

/// An error as a response shows it (specification, section 7.1.2).
public struct GraphQLError: Error, Hashable, Sendable, CustomStringConvertible {
    public var message: String
    public var locations: [SourceLocation]
    /// Empty for errors that don't belong to a field: of syntax, validation or variables.
    public var path: [PathElement]
    /// Not shown where it is empty.
    public var extensions: JSONObject

    public init(
        _ message: String, locations: [SourceLocation] = [], path: [PathElement] = [],
        extensions: JSONObject = JSONObject()
    ) {
        self.message = message
        self.locations = locations
        self.path = path
        self.extensions = extensions
    }

    /// With `extensions.code`.
    public init(_ message: String, code: String, locations: [SourceLocation] = []) {
        self.init(message, locations: locations, extensions: ["code": .string(code)])
    }

    public var description: String {
        locations.isEmpty ? message : "\(message) (\(locations.map(\.description).joined(separator: ", ")))"
    }

    /// Appends the error as JSON.
    public func write(into writer: inout JSONWriter) {
        writer.object { json in
            json.field("message", message)
            if !locations.isEmpty {
                json.key("locations")
                json.array { places in
                    for location in locations {
                        places.object { place in
                            place.field("line", location.line)
                            place.field("column", location.column)
                        }
                    }
                }
            }
            if !path.isEmpty {
                json.key("path")
                json.array { steps in
                    for step in path {
                        switch step {
                        case .key(let key): steps.value(key)
                        case .index(let index): steps.value(index)
                        }
                    }
                }
            }
            if !extensions.members.isEmpty { json.field("extensions", .object(extensions)) }
        }
    }
}

/// All that is wrong with a document or a request: at least one error.
public struct RequestErrors: Error, Hashable, Sendable, CustomStringConvertible {
    public let errors: [GraphQLError]

    public init(_ errors: [GraphQLError]) { self.errors = errors }

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// An error of a resolver that callers may see as it is. Of any other error they see "Internal error", and
/// `ExecutionOptions.report` is told the rest.
public protocol PresentableError: Error {
    var message: String { get }
    /// For instance `["code": "FORBIDDEN"]`.
    var extensions: JSONObject { get }
}

/// The error that a resolver throws where it has none of its own.
public struct FieldError: PresentableError, Hashable, Sendable {
    public let message: String
    public let extensions: JSONObject

    public init(_ message: String, code: String, extensions: JSONObject = JSONObject()) {
        var all: JSONObject = ["code": .string(code)]
        for member in extensions.members { all[member.name] = member.value }
        self.message = message
        self.extensions = all
    }
}
