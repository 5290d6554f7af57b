import GraphQL
import JSON

/// The schema of the comparisons: something of everything that documents can meet.
enum PetSchema {
    static let text = #"""
        directive @onField(note: String) on FIELD
        directive @onQuery on QUERY
        directive @many(n: Int!) repeatable on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | FRAGMENT_DEFINITION | VARIABLE_DEFINITION

        interface Node { id: ID! }
        interface Named implements Node { id: ID!, name(upper: Boolean = false): String }
        "A pet"
        interface Pet implements Named & Node { id: ID!, name(upper: Boolean = false): String, friends(first: Int = 2): [Pet] }
        type Dog implements Pet & Named & Node {
            id: ID!
            name(upper: Boolean = false, lower: Boolean): String
            friends(first: Int = 2): [Pet]
            barks: Boolean!
            age: Int
            owner: Human
            knows(command: Command!): Boolean!
            kind: Kind!
        }
        type Cat implements Pet & Named & Node {
            id: ID!
            name(upper: Boolean = false): String
            friends(first: Int = 2): [Pet]
            meows: Boolean
            age: Float
            owner: Human!
            kind: Kind
            lives: [Int!]!
        }
        type Human implements Named & Node { id: ID!, name(upper: Boolean = false): String, pets: [Pet!]!, strict: [Pet!], address: Address! , old: String @deprecated(reason: "gone") }
        type Address { street: String, city: String!, geo: [[Float!]] }
        union Owned = Dog | Cat
        union Found = Dog | Cat | Human | Address
        enum Command { SIT DOWN HEEL @deprecated }
        enum Kind { BIG SMALL }
        scalar Any @specifiedBy(url: "https://example.com/any")
        input Filter { kind: Kind = BIG, name: String, ages: [Int!], and: [Filter!], not: Filter, required: Int! = 1 , must: Boolean! }
        input Choice @oneOf { id: ID, name: String, filter: Filter, list: [Int] }

        type Query {
            node(id: ID!): Node
            dog: Dog
            cat: Cat!
            pet: Pet
            nobody: Human
            human(id: ID): Human
            pets(first: Int = 3, filter: Filter): [Pet!]
            mixed: [Pet]
            found(text: String!, kinds: [Kind!] = [SMALL]): [Found]
            owned: Owned
            wrong: Pet
            fails: Dog
            failsHard: Int!
            text: String
            matrix: [[Int]]
            echo(
                int: Int, float: Float, string: String, bool: Boolean, id: ID, kind: Kind, list: [Int], nested: [[Int!]!],
                filter: Filter, choice: Choice, any: Any, many: [Filter!], defaulted: Int! = 7
            ): Any
            needs(a: Int!, b: [String!]! = ["x"], c: Filter = { must: true, kind: SMALL }): Any
        }
        type Mutation { echo(int: Int): Any, add(filter: Filter!): Dog }
        type Subscription { changed(id: ID): Dog, other: Int }
        """#

    static let data: JSONValue = {
        let dog: JSONValue = [
            "__typename": "Dog", "id": "d1", "name": "Rex", "barks": true, "age": 3, "kind": "BIG", "knows": true,
            "friends": [
                ["__typename": "Cat", "id": "c1", "name": "Tom", "meows": nil, "lives": [1, 2], "owner": nil], nil,
                ["__typename": "Dog", "id": "d2", "name": ["__error": "no name"], "barks": nil, "kind": "HUGE"],
            ],
            "owner": [
                "__typename": "Human", "id": 7, "name": "Ann",
                "pets": [["__typename": "Dog", "id": "d3", "name": "Bo", "barks": false], nil],
                "strict": [["__typename": "Cat", "id": "c5", "lives": [1, nil]], ["__typename": "Dog", "id": nil]],
                "address": ["street": "Main", "city": "Ulm", "geo": [[1, 2], nil, [3, nil]]],
            ],
        ]
        let cat: JSONValue = [
            "__typename": "Cat", "id": "c2", "name": "Kit", "meows": true, "lives": [1, nil, 3], "kind": nil,
            "age": 2, "friends": [dog],
            "owner": ["__typename": "Human", "id": "h1", "name": nil, "pets": [], "address": ["city": nil]],
        ]
        return [
            "node": dog, "dog": dog, "cat": cat, "pet": cat, "nobody": nil,
            "human": [
                "__typename": "Human", "id": "h2", "name": "Eve", "pets": [dog, cat], "strict": [dog],
                "address": ["city": "Bonn", "geo": []], "old": "x",
            ],
            "pets": [dog, cat], "mixed": [dog, nil, cat, ["__typename": "Dog", "id": ["__error": "lost"]]],
            "found": [
                dog, ["__typename": "Address", "street": nil, "city": "Rom"], ["__error": "x", "__typename": "Cat"],
            ],
            "owned": cat, "wrong": ["__typename": "Human", "id": "h"], "fails": ["__error": "down"],
            "failsHard": ["__error": "hard"], "text": "a\u{1F600}\"", "matrix": [[1, nil], nil, [2]],
            "echo": ["__echo": true], "needs": ["__echo": true], "add": dog, "changed": dog, "other": 1,
        ]
    }()

    static func executor() throws -> Executor<Void> {
        let schema = try Schema(text)
        var resolvers = Resolvers<Void>()
        for name in schema.typeNames {
            guard let type = schema.types[name], type.kind == .object, !type.isBuiltIn, name != "Subscription" else {
                continue
            }
            resolvers.object(name, JSONValue.self) { object in
                for field in type.fields {
                    object.field(field.name) { source, call -> Output in
                        let value = source[field.name] ?? .null
                        if let message = value["__error"]?.string { throw FieldError(message, code: "TEST") }
                        if value["__echo"] != nil {
                            var echo = JSONObject()
                            for (name, value) in call.arguments.values { echo[name] = value }
                            return .json(.object(echo))
                        }
                        return value.output
                    }
                }
            }
        }
        for field in ["changed", "other"] {
            resolvers.subscription(
                field, subscribe: { _ in AsyncStream<JSONValue> { $0.finish() } }, resolve: { value, _ in value })
        }
        return try Executor(schema: schema, resolvers: resolvers)
    }
}
