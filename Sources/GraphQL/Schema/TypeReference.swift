/// A type as fields, arguments and variables name it (specification, sections 3.11 and 3.12).
public indirect enum TypeReference: Hashable, Sendable, CustomStringConvertible {
    case named(String)
    case list(TypeReference)
    case nonNull(TypeReference)

    public var description: String {
        switch self {
        case .named(let name): name
        case .list(let element): "[\(element)]"
        case .nonNull(let type): "\(type)!"
        }
    }

    /// What is inside of all lists and exclamation marks.
    public var name: String {
        switch self {
        case .named(let name): name
        case .list(let type), .nonNull(let type): type.name
        }
    }

    public var isNonNull: Bool { if case .nonNull = self { true } else { false } }

    /// Without the outermost exclamation mark.
    public var nullable: TypeReference { if case .nonNull(let type) = self { type } else { self } }

    /// Of a list, null or not.
    var element: TypeReference? { if case .list(let element) = nullable { element } else { nil } }
}
