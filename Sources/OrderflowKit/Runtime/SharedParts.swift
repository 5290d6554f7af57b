import Execution

/// What the parts of one process of a service have in common, one value of each type: a handler and the worker that takes
/// over what its commits leave behind are made apart, and meet here.
public final class SharedParts: Sendable {
    private let parts = Monitor<[ObjectIdentifier: any Sendable]>([:])

    init() {}

    /// The process's value of a type, made when it is first asked for.
    public func callAsFunction<Part: Sendable>(_ make: @autoclosure () -> Part) -> Part {
        parts.withLock { parts in
            if let known = parts[ObjectIdentifier(Part.self)] as? Part { return known }
            let part = make()
            parts[ObjectIdentifier(Part.self)] = part
            return part
        }
    }
}
