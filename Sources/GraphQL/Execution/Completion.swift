import JSON

/// Completing values by their types (specification, section 6.4.3).
extension Run {
    func complete(_ slot: Slot, _ output: Output) {
        guard slot.node.isAlive else { return }
        switch output {
        case .failure(let error): return fail(slot, error)
        case .deferred(let load): return wait(for: load, at: slot)
        case .null, .json(.null):
            guard !slot.type.isNonNull else {
                return fail(
                    slot,
                    ResultError(
                        "Cannot return null for non-nullable field \(slot.field.parentType.name).\(slot.field.definition.name)."
                    ))
            }
            slot.node.content = .null
            return
        default: break
        }
        switch slot.type.nullable {
        case .nonNull: break
        case .list(let element): completeList(slot, output, of: element)
        case .named(let name):
            guard let type = executor.schema.types[name] else { return }
            if type.kind.isLeaf { completeLeaf(slot, output, type) } else { completeObject(slot, output, type) }
        }
    }

    private func completeList(_ slot: Slot, _ output: Output, of element: TypeReference) {
        let outputs: [Output]
        switch output {
        case .list(let items): outputs = items
        case .json(.array(let items)): outputs = items.map(\.output)
        default:
            return fail(
                slot,
                ResultError("Expected a list for field '\(slot.field.parentType.name).\(slot.field.definition.name)'."))
        }
        let nodes = outputs.map { _ in ResponseNode(parent: slot.node, isNonNull: element.isNonNull) }
        slot.node.content = .list(nodes)
        for (index, (item, node)) in zip(outputs, nodes).enumerated() {
            let path = ResponsePath(parent: slot.path, element: .index(index))
            complete(Slot(node: node, type: element, field: slot.field, path: path), item)
            guard slot.node.isAlive else { return }
        }
    }

    private func completeLeaf(_ slot: Slot, _ output: Output, _ type: TypeDefinition) {
        guard case .json(let value) = output else {
            return fail(slot, ResultError("Expected a value of type '\(type.name)'."))
        }
        if type.kind == .enumeration {
            guard let text = value.string, type.hasValue(text) else {
                return fail(slot, ResultError("Enum '\(type.name)' cannot represent value: \(value)"))
            }
            slot.node.content = .leaf(value)
            return
        }
        do {
            slot.node.content = .leaf(try executor.schema.scalars[type.name]?.result(value) ?? value)
        } catch {
            fail(slot, error)
        }
    }

    private func completeObject(_ slot: Slot, _ output: Output, _ type: TypeDefinition) {
        let source: any Sendable
        let given: String?
        switch output {
        case .object(let value, let name): (source, given) = (value, name)
        case .json(let value):
            guard case .object = value else {
                return fail(slot, ResultError("Expected an object of type '\(type.name)'."))
            }
            (source, given) = (value, value["__typename"]?.string)
        default: return fail(slot, ResultError("Expected an object of type '\(type.name)'."))
        }
        // ResolveAbstractType (section 6.4.3).
        let name = type.kind == .object ? type.name : given
        guard let name, let concrete = executor.schema.types[name], concrete.kind == .object,
            executor.schema.isPossible(name, of: type.name)
        else {
            return fail(
                slot,
                ResultError(
                    "Abstract type '\(type.name)' must resolve to one of its object types, not '\(name ?? "")'."))
        }
        let field = slot.field
        let plan =
            field.selections[name]
            ?? planner.plan(field.nodes.compactMap(\.selectionSet), of: concrete)
        field.selections[name] = plan
        switch plan {
        case .success(let plan): push(plan, slot.node, source: source, path: slot.path)
        case .failure(let problem): fail(slot, problem)
        }
    }
}

/// A resolver's value isn't what the schema says: a mistake of the server, told by its type and place.
struct ResultError: PresentableError {
    let message: String
    var extensions: JSONObject { ["code": "INTERNAL_SERVER_ERROR"] }

    init(_ message: String) { self.message = message }
}

/// A field, a loader's call or a request took longer than it may.
public struct DeadlineExceeded: PresentableError {
    public let duration: Duration
    public var message: String { "No answer within \(duration.formattedSeconds)." }
    public var extensions: JSONObject { ["code": "DEADLINE_EXCEEDED"] }
}

extension Duration {
    fileprivate var formattedSeconds: String {
        let (seconds, attoseconds) = components
        return attoseconds == 0 ? "\(seconds) s" : "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000) ms"
    }
}
