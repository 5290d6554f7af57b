import Foundation
import JSON
import TestServers

/// graphql-core, the reference implementation's port to Python, as one process: it reads requests from a file, a line
/// each, and answers each by a line.
struct Reference {
    /// What it says of a document.
    struct Answer {
        /// Where parsing ended, if it failed: line and column.
        let syntaxError: [Int64]?
        /// The places of each error of validation, sorted: `[[line, column], …]`. Of fields that overlap only that there
        /// are some: which of them are named is up to the implementation.
        let places: Set<String>
        let overlaps: Bool
        let isValid: Bool
        /// `data` as it was written, and the paths of the errors; nil where nothing was executed.
        let data: JSONValue?
        let paths: [JSONValue]?
        let messages: [String]
    }

    /// Asks for all documents at once.
    static func answers(schema: String, data: JSONValue, requests: [JSONValue]) async throws -> [Answer] {
        let first: JSONValue = ["schema": .string(schema), "data": data]
        return try await PythonProgram("graphql-core", script).answers(to: ([first] + requests).map(\.bytes)).map {
            line in
            try answer(JSONValue(parsing: line, depthLimit: 512))
        }
    }

    private static func answer(_ json: JSONValue) -> Answer {
        let errors = json["errors"]?.array ?? []
        let overlapping = errors.filter { $0["message"]?.string?.hasPrefix("Fields '") == true }
        return Answer(
            syntaxError: json["syntax"]?.array?.compactMap(\.int64),
            places: Set(errors.filter { !overlapping.contains($0) }.map { $0["places"]?.description ?? "" }),
            overlaps: !overlapping.isEmpty, isValid: errors.isEmpty,
            data: json["data"], paths: json["paths"]?.array,
            messages: errors.compactMap { $0["message"]?.string } + (json["messages"]?.array ?? []).compactMap(\.string)
        )
    }

    private static let script = #"""
        import json, sys
        from graphql import build_schema, parse, execute_sync, specified_rules, GraphQLError
        from graphql.error import GraphQLSyntaxError
        from graphql.validation import validate, MaxIntrospectionDepthRule
        sys.setrecursionlimit(20000)
        first = json.loads(sys.stdin.readline())
        schema = build_schema(first["schema"])
        root = first["data"]
        # The directives of incremental delivery aren't in the specification yet.
        rules = [r for r in specified_rules
                 if r is not MaxIntrospectionDepthRule and "Defer" not in r.__name__ and "Stream" not in r.__name__]

        def resolve(source, info, **arguments):
            value = source.get(info.field_name) if isinstance(source, dict) else None
            if isinstance(value, dict) and "__error" in value:
                raise GraphQLError(value["__error"])
            if isinstance(value, dict) and "__echo" in value:
                return arguments
            return value

        def places(error):
            return sorted([l.line, l.column] for l in error.locations or [])

        for line in sys.stdin:
            request = json.loads(line)
            answer = {}
            try:
                document = parse(request["document"], allow_empty_selection_sets=False)
            except GraphQLSyntaxError as error:
                answer["syntax"] = places(error)[0]
                print(json.dumps(answer))
                continue
            found = validate(schema, document, rules, max_errors=100000,
                hide_suggestions=True)
            answer["errors"] = [{"places": places(e), "message": e.message} for e in found]
            if not answer["errors"] and not request["document"].startswith("subscription"):
                result = execute_sync(schema, document, root_value=root, field_resolver=resolve,
                    variable_values=request.get("variables"), operation_name=request.get("operation"))
                answer["data"] = result.data
                answer["paths"] = [e.path for e in result.errors or []]
                answer["messages"] = [e.message for e in result.errors or []]
            # A variable without a value inside of a custom scalar is null here.
            print(json.dumps(answer, default=lambda value: None))
        """#
}
