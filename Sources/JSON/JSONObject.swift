/// The members of an object in their order, no name twice. Equal whatever the order.
public struct JSONObject: Sendable {
    public struct Member: Hashable, Sendable {
        public let name: String
        public var value: JSONValue
    }

    public private(set) var members: [Member] = []

    public init() {}

    /// Members whose names are known to differ.
    init(checked members: [Member]) { self.members = members }

    /// Names are compared code unit for code unit. Setting a new one appends it, setting nil removes it.
    public subscript(name: String) -> JSONValue? {
        get { index(of: name).map { members[$0].value } }
        set {
            switch (index(of: name), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    private func index(of name: String) -> Int? {
        members.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }
}

extension JSONObject: Hashable {
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        guard one.members.count == other.members.count else { return false }
        let same = zip(one.members, other.members).allSatisfy { $0.name.utf8.elementsEqual($1.name.utf8) }
        if same { return zip(one.members, other.members).allSatisfy { $0.value == $1.value } }
        let index = Dictionary(uniqueKeysWithValues: other.members.map { (Array($0.name.utf8), $0.value) })
        return one.members.allSatisfy { index[Array($0.name.utf8)] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        // Added up, so that order makes no difference.
        var sum = 0
        for member in members { sum &+= member.hashValue }
        hasher.combine(sum)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// The last value counts where a name is there twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (name, value) in elements { self[name] = value }
    }
}
