/// A schema of Protocol Buffers: one file in the language of proto3 or proto2, as far as messages go.
public struct ProtoFile: Hashable, Sendable {
    public enum Syntax: String, Hashable, Sendable {
        case proto2, proto3
    }

    public let syntax: Syntax
    /// Empty for none.
    public let package: String
    public let imports: [String]
    /// In the order of the file: their places are the message indexes of Confluent's wire format.
    public let messages: [ProtoMessage]
    public let enums: [ProtoEnum]

    public init(
        syntax: Syntax = .proto3, package: String, imports: [String] = [], messages: [ProtoMessage],
        enums: [ProtoEnum] = []
    ) {
        self.syntax = syntax
        self.package = package
        self.imports = imports
        self.messages = messages
        self.enums = enums
    }
}

public struct ProtoMessage: Hashable, Sendable {
    public let name: String
    /// Those of groups of alternatives (`oneof`) among them, in the order of the file.
    public let fields: [ProtoField]
    public let messages: [ProtoMessage]
    public let enums: [ProtoEnum]
    public let reservedNumbers: [ClosedRange<Int>]
    public let reservedNames: Set<String>
    /// Empty for none; may have several lines.
    public let comment: String

    public init(
        _ name: String, comment: String = "", fields: [ProtoField], messages: [ProtoMessage] = [],
        enums: [ProtoEnum] = [], reservedNumbers: [ClosedRange<Int>] = [], reservedNames: Set<String> = []
    ) {
        self.name = name
        self.comment = comment
        self.fields = fields
        self.messages = messages
        self.enums = enums
        self.reservedNumbers = reservedNumbers
        self.reservedNames = reservedNames
    }
}

public struct ProtoField: Hashable, Sendable {
    /// How often it stands there.
    public enum Label: Hashable, Sendable {
        /// Of proto3: what isn't there has its type's zero. Messages are there or not all the same.
        case implicit
        /// There or not.
        case optional
        /// Of proto2.
        case required
        case repeated
    }

    public let name: String
    public let number: Int
    public let type: ProtoType
    public let label: Label
    /// The group of alternatives that it belongs to.
    public let oneof: String?
    /// As its JSON calls it: by `json_name`, or else its name in lower camel case.
    public let jsonName: String
    public let comment: String

    public init(
        _ name: String, _ number: Int, _ type: ProtoType, _ label: Label = .implicit, oneof: String? = nil,
        jsonName: String? = nil, comment: String = ""
    ) {
        self.name = name
        self.number = number
        self.type = type
        self.label = label
        self.oneof = oneof
        self.jsonName = jsonName ?? ProtoNames.json(name)
        self.comment = comment
    }
}

public indirect enum ProtoType: Hashable, Sendable {
    case double, float, int32, int64, uint32, uint64, sint32, sint64
    case fixed32, fixed64, sfixed32, sfixed64
    case bool, string, bytes
    /// A message or an enum, as the file calls it: `ProtoFile.resolve` finds it.
    case named(String)
    case map(ProtoType, ProtoType)
}

public struct ProtoEnum: Hashable, Sendable {
    public struct Value: Hashable, Sendable {
        public let name: String
        public let number: Int32

        public init(_ name: String, _ number: Int32) {
            self.name = name
            self.number = number
        }
    }

    public let name: String
    public let values: [Value]
    public let reservedNumbers: [ClosedRange<Int>]
    public let reservedNames: Set<String>

    public init(
        _ name: String, _ values: [Value], reservedNumbers: [ClosedRange<Int>] = [], reservedNames: Set<String> = []
    ) {
        self.name = name
        self.values = values
        self.reservedNumbers = reservedNumbers
        self.reservedNames = reservedNames
    }
}

/// How members are called in both languages.
public enum ProtoNames {
    /// `order_id` as `orderId` (the Protocol Buffers Language Guide, "JSON options").
    public static func json(_ name: String) -> String {
        var text = ""
        var capital = false
        for character in name {
            if character == "_" {
                capital = true
            } else {
                text += capital ? character.uppercased() : String(character)
                capital = false
            }
        }
        return text
    }

    /// `orderId` as `order_id`.
    public static func field(_ name: String) -> String {
        var text = ""
        for character in name {
            if character.isUppercase {
                text += "_" + character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }
}
