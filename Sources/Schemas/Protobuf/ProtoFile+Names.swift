extension ProtoFile {
    /// What a name in a field stands for.
    public enum Declaration: Hashable, Sendable {
        /// With the path by which names in its own fields are looked up: `orderflow.v1.OrderCreated.OrderLine`.
        case message(ProtoMessage, path: String)
        case enumeration(ProtoEnum, path: String)
        /// Of `google/protobuf/*.proto`, by its full name: `google.protobuf.Timestamp`.
        case wellKnown(String)
    }

    /// The path of a message of the file itself.
    public func path(of message: ProtoMessage) -> String { Self.join(package, message.name) }

    /// Looks a name up as the language says: from the innermost message outwards, a leading dot means the outermost.
    ///
    /// - Parameter path: of the message whose field has the name.
    /// - Returns: nil for a name that isn't declared in this file, nor well known.
    public func resolve(_ name: String, in path: String) -> Declaration? {
        if name.hasPrefix(".") { return declaration(String(name.dropFirst())) }
        var scope = path
        while true {
            if let found = declaration(Self.join(scope, name)) { return found }
            guard !scope.isEmpty else { return nil }
            scope = scope.lastIndex(of: ".").map { String(scope[..<$0]) } ?? ""
        }
    }

    private func declaration(_ path: String) -> Declaration? {
        if path.hasPrefix("google.protobuf."), Self.wellKnown.contains(path) { return .wellKnown(path) }
        guard package.isEmpty || path.hasPrefix(package + ".") else { return nil }
        let names = (package.isEmpty ? path : String(path.dropFirst(package.count + 1))).split(separator: ".")
        var (messages, enums) = (self.messages, self.enums)
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            if isLast, let found = enums.first(where: { $0.name == name }) { return .enumeration(found, path: path) }
            guard let found = messages.first(where: { $0.name == name }) else { return nil }
            if isLast { return .message(found, path: path) }
            (messages, enums) = (found.messages, found.enums)
        }
        return nil
    }

    static func join(_ scope: String, _ name: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }

    /// The messages that every implementation brings along.
    static let wellKnown: Set<String> = Set(
        [
            "Any", "BoolValue", "BytesValue", "DoubleValue", "Duration", "Empty", "FieldMask", "FloatValue",
            "Int32Value", "Int64Value", "ListValue", "NullValue", "StringValue", "Struct", "Timestamp", "UInt32Value",
            "UInt64Value", "Value",
        ].map { "google.protobuf.\($0)" })
}
