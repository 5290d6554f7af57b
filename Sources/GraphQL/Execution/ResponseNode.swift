import JSON

/// A place in a response under construction. Belongs to one run.
final class ResponseNode {
    enum Content {
        case open
        case null
        case leaf(JSONValue)
        case list([ResponseNode])
        case object([(key: String, node: ResponseNode)])
    }

    private(set) unowned var parent: ResponseNode?
    private let isNonNull: Bool
    var content = Content.open
    /// An error has made it null for good, with all that is below it.
    private(set) var isNulled = false

    /// The parent outlives its children: the run holds the root, and each node the nodes below it. A nulled node keeps
    /// them too, for what is still on its way to them.
    init(parent: ResponseNode?, isNonNull: Bool) {
        self.parent = parent
        self.isNonNull = isNonNull
    }

    /// Whether what comes for it still counts.
    var isAlive: Bool {
        var next: ResponseNode? = self
        while let node = next {
            if node.isNulled { return false }
            next = node.parent
        }
        return true
    }

    /// An error's way up to the nearest place that may be null (specification, section 6.4.4).
    func propagateNull() {
        var node = self
        while node.isNonNull, let parent = node.parent { node = parent }
        node.isNulled = true
    }

    var value: ResponseValue {
        if isNulled { return .null }
        switch content {
        case .open, .null: return .null
        case .leaf(let value): return .leaf(value)
        case .list(let nodes): return .list(nodes.map(\.value))
        case .object(let members): return .object(members.map { ($0.key, $0.node.value) })
        }
    }
}
