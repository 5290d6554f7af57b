import JSON

/// The fields of `__schema` and `__type` (specification, section 4.2), answered from the schema itself.
enum Introspection {
    /// By type and field; the query's own fields under an empty name.
    static func resolvers(of schema: Schema) -> [String: [String: FieldResolver]] {
        func fields<Source: Sendable>(
            _ source: Source.Type, _ fields: [String: @Sendable (Source, AnyCall) -> Output]
        ) -> [String: FieldResolver] {
            fields.mapValues { resolve in
                .immediate { source, call in
                    guard let source = source as? Source else { throw SourceMismatch(expected: "\(Source.self)") }
                    return resolve(source, call)
                }
            }
        }
        return [
            "": [
                "__schema": .immediate { _, _ in .object(schema) },
                "__type": .immediate { _, call in
                    guard let name = call.arguments.string("name"), schema.types[name] != nil else { return .null }
                    return .object(IntrospectedType(schema: schema, reference: .named(name)))
                },
            ],
            "__Schema": fields(
                Schema.self,
                [
                    "description": { schema, _ in schema.description.output },
                    "types": { schema, _ in
                        .list(schema.typeNames.map { .object(IntrospectedType(schema: schema, reference: .named($0))) })
                    },
                    "queryType": { schema, _ in type(schema.queryType, schema) },
                    "mutationType": { schema, _ in schema.mutationType.map { type($0, schema) } ?? .null },
                    "subscriptionType": { schema, _ in schema.subscriptionType.map { type($0, schema) } ?? .null },
                    "directives": { schema, _ in .list(schema.directives.map { .object($0) }) },
                ]),
            "__Type": fields(IntrospectedType.self, typeFields()),
            "__Field": fields(
                FieldDefinition.self,
                [
                    "name": { field, _ in field.name.output },
                    "description": { field, _ in field.description.output },
                    "args": { field, call in inputs(field.arguments, call) },
                    "type": { field, _ in .object(IntrospectedType(schema: schema, reference: field.type)) },
                    "isDeprecated": { field, _ in (field.deprecationReason != nil).output },
                    "deprecationReason": { field, _ in field.deprecationReason.output },
                ]),
            "__InputValue": fields(
                InputValueDefinition.self,
                [
                    "name": { input, _ in input.name.output },
                    "description": { input, _ in input.description.output },
                    "type": { input, _ in .object(IntrospectedType(schema: schema, reference: input.type)) },
                    "defaultValue": { input, _ in (input.defaultValue?.printed).output },
                    "isDeprecated": { input, _ in (input.deprecationReason != nil).output },
                    "deprecationReason": { input, _ in input.deprecationReason.output },
                ]),
            "__EnumValue": fields(
                EnumValueDefinition.self,
                [
                    "name": { value, _ in value.name.output },
                    "description": { value, _ in value.description.output },
                    "isDeprecated": { value, _ in (value.deprecationReason != nil).output },
                    "deprecationReason": { value, _ in value.deprecationReason.output },
                ]),
            "__Directive": fields(
                DirectiveDefinition.self,
                [
                    "name": { directive, _ in directive.name.output },
                    "description": { directive, _ in directive.description.output },
                    "isRepeatable": { directive, _ in directive.isRepeatable.output },
                    "locations": { directive, _ in directive.locations.output },
                    "args": { directive, call in inputs(directive.arguments, call) },
                ]),
        ]
    }

    private static func type(_ name: String, _ schema: Schema) -> Output {
        .object(IntrospectedType(schema: schema, reference: .named(name)))
    }

    private static func inputs(_ inputs: [InputValueDefinition], _ call: AnyCall) -> Output {
        let all = call.arguments.bool("includeDeprecated") == true
        return .list(inputs.filter { all || $0.deprecationReason == nil }.map { .object($0) })
    }

    private static func typeFields() -> [String: @Sendable (IntrospectedType, AnyCall) -> Output] {
        [
            "kind": { type, _ in type.kind.output },
            "name": { type, _ in (type.named?.name).output },
            "description": { type, _ in (type.named?.description).output },
            "specifiedByURL": { type, _ in (type.named?.specifiedBy).output },
            "isOneOf": { type, _ in
                guard let named = type.named, named.kind == .inputObject else { return .null }
                return named.isOneOf.output
            },
            "fields": { type, call in
                guard let named = type.named, named.kind == .object || named.kind == .interface else { return .null }
                let all = call.arguments.bool("includeDeprecated") == true
                return .list(named.fields.filter { all || $0.deprecationReason == nil }.map { .object($0) })
            },
            "interfaces": { type, _ in
                guard let named = type.named, named.kind == .object || named.kind == .interface else { return .null }
                return .list(named.interfaces.map { Self.type($0, type.schema) })
            },
            "possibleTypes": { type, _ in
                guard let named = type.named, named.kind.isAbstract else { return .null }
                return .list(type.schema.possibleTypes(of: named).map { Self.type($0, type.schema) })
            },
            "enumValues": { type, call in
                guard let named = type.named, named.kind == .enumeration else { return .null }
                let all = call.arguments.bool("includeDeprecated") == true
                return .list(named.values.filter { all || $0.deprecationReason == nil }.map { .object($0) })
            },
            "inputFields": { type, call in
                guard let named = type.named, named.kind == .inputObject else { return .null }
                return inputs(named.inputFields, call)
            },
            "ofType": { type, _ in
                switch type.reference {
                case .named: .null
                case .list(let inner), .nonNull(let inner):
                    .object(IntrospectedType(schema: type.schema, reference: inner))
                }
            },
        ]
    }
}

/// A type as introspection shows it: named, a list or non-null.
struct IntrospectedType: Sendable {
    let schema: Schema
    let reference: TypeReference

    var named: TypeDefinition? { if case .named(let name) = reference { schema.types[name] } else { nil } }

    var kind: String {
        switch reference {
        case .named: named?.kind.rawValue ?? "SCALAR"
        case .list: "LIST"
        case .nonNull: "NON_NULL"
        }
    }
}
