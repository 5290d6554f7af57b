/// A request as its handler sees it. It borrows the connection's buffer and the loop's tables, and so it can be neither
/// copied nor kept; strings are made only of what is asked for.
public struct HTTPRequest: ~Copyable {
    public let method: HTTPMethod
    /// Valid only during the handler's call.
    public let body: UnsafeRawBufferPointer
    /// The client's: the peer's, or what a trusted proxy says of whom it asks for (`HTTPServerConfiguration.proxies`).
    public let remoteAddress: SocketAddress
    /// What the server's observer gave to the request.
    public internal(set) var observation: (any Sendable)?
    /// Who sent it, as the route's `Middleware.caller` found out; nil where the route doesn't ask.
    public internal(set) var caller: (any HTTPCaller)?

    private let bytes: UnsafePointer<UInt8>
    private let head: RequestHead
    private let fields: UnsafeBufferPointer<HeaderField>
    private let route: Route
    /// Where the loop keeps the segments of the path.
    private let segments: UnsafePointer<PathSegments>
    private let answerFields: UnsafeMutablePointer<[HTTPHeader]>

    init(
        method: HTTPMethod, bytes: UnsafePointer<UInt8>, head: RequestHead, fields: UnsafePointer<HeaderField>,
        body: UnsafeRawBufferPointer, route: Route, segments: UnsafePointer<PathSegments>, remoteAddress: SocketAddress,
        answerFields: UnsafeMutablePointer<[HTTPHeader]>
    ) {
        self.method = method
        self.bytes = bytes
        self.head = head
        self.fields = UnsafeBufferPointer(start: fields, count: head.fieldCount)
        self.body = body
        self.route = route
        self.segments = segments
        self.remoteAddress = remoteAddress
        self.answerFields = answerFields
    }

    /// Gives the answer one more field, whatever makes it and whenever, a problem's too. Only during the
    /// handler's call.
    public func addToAnswer(_ field: HTTPHeader) { answerFields.pointee.append(field) }

    /// The path as it was sent, escapes and all.
    public var path: String {
        // A URI without a path means the root (RFC 9110 §4.2.3).
        guard head.pathLength > 0 else { return "/" }
        return String(
            decoding: UnsafeBufferPointer(start: bytes + head.targetStart, count: head.pathLength), as: UTF8.self)
    }

    /// What follows `?`, as it was sent; nil without `?`.
    public var rawQuery: String? { queryBytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The pattern that the request matched, for logs and metrics.
    public var routeTemplate: String { route.template }

    /// What the route calls a request that it refuses (`Middleware.refusals(titled:)`).
    package var refusalTitle: String? { route.refusalTitle }

    // MARK: Header fields

    /// The value of the first field called `name`, in any case; bytes that aren't UTF-8 are repaired.
    public func header(_ name: String) -> String? {
        withHeader(name) { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of the only field called `name`; nil when there is none, an `HTTPProblem` 400 when there are several:
    /// proxies in between may have gone by another one than we would.
    public func onlyHeader(_ name: String) throws(HTTPProblem) -> String? {
        var only: HeaderField?
        for field in fields where matches(field, name) {
            guard only == nil else { throw HTTPProblem(.badRequest, detail: "\(name) comes several times") }
            only = field
        }
        return only.map { String(decoding: value(of: $0), as: UTF8.self) }
    }

    /// The values of all fields called `name`, in order.
    public func headers(_ name: String) -> [String] {
        fields.filter { matches($0, name) }.map { String(decoding: value(of: $0), as: UTF8.self) }
    }

    /// The value's bytes without a copy; nil when there is no such field.
    public func withHeader<Result>(
        _ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        for field in fields where matches(field, name) { return try body(UnsafeRawBufferPointer(value(of: field))) }
        return nil
    }

    /// Hands each value of the fields called `name` to `body`, in order and without a copy. Returns how many there are.
    public func forEachHeader<Failure: Error>(
        _ name: String, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        var count = 0
        for field in fields where matches(field, name) {
            try body(UnsafeRawBufferPointer(value(of: field)))
            count += 1
        }
        return count
    }

    private func value(of field: HeaderField) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + Int(field.valueStart), count: Int(field.valueLength))
    }

    private func matches(_ field: HeaderField, _ name: String) -> Bool {
        guard Int(field.nameLength) == name.utf8.count else { return false }
        let own = UnsafeBufferPointer(start: bytes + Int(field.nameStart), count: Int(field.nameLength))
        return zip(own, name.utf8).allSatisfy { ByteSet.lowercased($0) == ByteSet.lowercased($1) }
    }

    // MARK: Path parameters

    /// The decoded value of the parameter `name` of the route's pattern. Asking for one the pattern doesn't have is a
    /// mistake in the program, and traps.
    public func pathParameter(_ name: String) -> String {
        guard let parameter = route.parameters.first(where: { $0.name == name }) else {
            preconditionFailure("\(route.template) has no parameter \(name)")
        }
        return String(decoding: segments.pointee[parameter.position], as: UTF8.self)
    }

    /// The parameter as a `Value`; an `HTTPProblem` 400 when it isn't one.
    public func pathParameter<Value: LosslessStringConvertible>(
        _ name: String, as type: Value.Type
    ) throws(HTTPProblem) -> Value {
        let text = pathParameter(name)
        guard let value = Value(text) else {
            throw HTTPProblem(.badRequest, detail: "path parameter \(name) is not a valid \(type)")
        }
        return value
    }

    // MARK: Query

    /// Every `key=value` of the query in order, decoded as HTML forms encode them (`+` is a space). An `HTTPProblem`
    /// 400 when an escape is malformed or hides bad UTF-8 or a control character.
    public func queryItems() throws(HTTPProblem) -> [(name: String, value: String)] {
        guard let query = queryBytes else { return [] }
        var items: [(name: String, value: String)] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let split = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = split < pair.endIndex ? pair[(split + 1)...] : pair[split...]
            guard let name = PercentEncoding.decodeQuery(UnsafeBufferPointer(rebasing: pair[..<split])),
                let value = PercentEncoding.decodeQuery(UnsafeBufferPointer(rebasing: value))
            else { throw HTTPProblem(.badRequest, detail: "the query has a malformed escape") }
            items.append((name, value))
        }
        return items
    }

    /// The value of the only query item called `name`; nil when there is none, an `HTTPProblem` 400 when there are
    /// several.
    public func query(_ name: String) throws(HTTPProblem) -> String? {
        let values = try queryItems().filter { $0.name == name }
        guard values.count <= 1 else {
            throw HTTPProblem(.badRequest, detail: "query parameter \(name) comes \(values.count) times")
        }
        return values.first?.value
    }

    /// The query item as a `Value`; an `HTTPProblem` 400 when it isn't one.
    public func query<Value: LosslessStringConvertible>(
        _ name: String, as type: Value.Type
    ) throws(HTTPProblem) -> Value? {
        guard let text = try query(name) else { return nil }
        guard let value = Value(text) else {
            throw HTTPProblem(.badRequest, detail: "query parameter \(name) is not a valid \(type)")
        }
        return value
    }

    private var queryBytes: UnsafeBufferPointer<UInt8>? {
        guard head.queryLength >= 0 else { return nil }
        return UnsafeBufferPointer(
            start: bytes + head.targetStart + head.pathLength + 1, count: head.queryLength)
    }
}

/// Who sent a request. The server hands it on and knows nothing of it.
public protocol HTTPCaller: Sendable {}
