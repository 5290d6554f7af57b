/// The names of one object so far. Few, as a rule: the first eight are compared one by one, in place.
@usableFromInline
struct SeenKeys {
    private var few: InlineArray<8, JSONKey?> = .init(repeating: nil)
    private var count = 0
    private var many: Set<String> = []

    @usableFromInline
    init() {}

    /// False when `key` was there.
    @usableFromInline
    mutating func insert(_ key: JSONKey) -> Bool {
        if count < 8 {
            for index in 0..<count where few[index]?.equals(key) == true { return false }
            few[count] = key
            count += 1
            return true
        }
        if many.isEmpty {
            for index in 0..<8 { if let key = few[index] { many.insert(key.string) } }
        }
        return many.insert(key.string).inserted
    }
}
