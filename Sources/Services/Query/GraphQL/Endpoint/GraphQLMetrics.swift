import Execution
import GraphQL
import Metrics
import OrderflowKit

/// Counts operations by kind and name. Names are the clients' own words: of so many the rest counts as one.
final class GraphQLMetrics: Sendable {
    private struct Key: Hashable {
        let kind: String
        let name: String
        let outcome: Outcome
    }

    enum Outcome: String, Sendable {
        case ok
        /// Answered, with errors of fields.
        case partial
        /// Not executed: no valid document or variables.
        case refused
        /// Not executed: too much was under way.
        case overloaded
    }

    private struct Instruments: Sendable {
        let operations: Counter
        let duration: Metrics.Timer
    }

    static let nameLimit = 100
    private static let nameLength = 64

    private let state = Monitor<(instruments: [Key: Instruments], names: Set<String>)>(([:], []))
    private let fieldErrors = Monitor<[String: Counter]>([:])

    /// - Parameters:
    ///   - kind: nil where no operation was found.
    ///   - name: nil for one without a name.
    func count(_ kind: OperationKind?, _ name: String?, _ outcome: Outcome, _ duration: Duration) {
        let found = state.withLock { state -> Instruments in
            var shown = name ?? "anonymous"
            if name != nil, !state.names.contains(shown) {
                if state.names.count < Self.nameLimit, shown.utf8.count <= Self.nameLength, outcome != .refused {
                    state.names.insert(shown)
                } else {
                    shown = "other"
                }
            }
            let key = Key(kind: kind?.rawValue ?? "none", name: shown, outcome: outcome)
            if let known = state.instruments[key] { return known }
            let dimensions = [("type", key.kind), ("operation", key.name)]
            let new = Instruments(
                operations: Counter(
                    label: "orderflow_graphql_operations_total",
                    dimensions: dimensions + [("outcome", outcome.rawValue)]),
                duration: Metrics.Timer(label: "orderflow_graphql_operation_duration_seconds", dimensions: dimensions))
            state.instruments[key] = new
            return new
        }
        found.operations.increment()
        found.duration.recordNanoseconds(duration.nanoseconds)
    }

    /// Errors by their code, which the program gives.
    func count(_ errors: [GraphQLError]) {
        for error in errors {
            let code = error.extensions["code"]?.string ?? "none"
            let counter = fieldErrors.withLock { counters -> Counter in
                if let known = counters[code] { return known }
                let new = Counter(label: "orderflow_graphql_errors_total", dimensions: [("code", code)])
                counters[code] = new
                return new
            }
            counter.increment()
        }
    }

    /// What `/metrics` says of them.
    static let help = [
        "orderflow_graphql_operations_total":
            "GraphQL operations by type, name (of the first hundred names; else other) and outcome.",
        "orderflow_graphql_operation_duration_seconds": "How long they took.",
        "orderflow_graphql_errors_total": "Errors that GraphQL answered with, by code.",
    ]
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let parts = components
        let (seconds, isTooLong) = parts.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLong ? .max : seconds &+ parts.attoseconds / 1_000_000_000
    }
}
