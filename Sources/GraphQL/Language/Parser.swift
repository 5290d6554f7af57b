/// Bounds of the parser, which make its work and its stack finite whatever the text.
public struct ParserLimits: Hashable, Sendable {
    public var tokens: Int
    /// Selection sets, lists and objects within each other.
    public var nesting: Int

    public init(tokens: Int = 15_000, nesting: Int = 200) {
        self.tokens = tokens
        self.nesting = nesting
    }
}

/// Parses documents (specification, appendix B) by recursive descent with one token of lookahead.
struct Parser {
    private let source: SourceText
    private let limits: ParserLimits
    private var lexer: Lexer
    private(set) var token: Token
    private var following: Token?
    private var tokenCount = 0
    private var nesting = 0

    private init(_ source: SourceText, limits: ParserLimits) throws(SyntaxError) {
        self.source = source
        self.limits = limits
        lexer = Lexer(source)
        token = try lexer.next()
    }

    /// Throws a `GraphQLError` with the place where the text stops being a document.
    static func document(_ source: SourceText, limits: ParserLimits) throws(GraphQLError) -> Document {
        do throws(SyntaxError) {
            var parser = try Parser(source, limits: limits)
            var definitions: [Definition] = []
            repeat { definitions.append(try parser.definition()) } while parser.token.kind != .end
            return Document(source: source, definitions: definitions)
        } catch {
            throw GraphQLError(
                "Syntax Error: \(error.reason)", code: "GRAPHQL_PARSE_FAILED",
                locations: [source.location(at: error.offset)])
        }
    }

    private mutating func definition() throws(SyntaxError) -> Definition {
        if token.kind == .leftBrace { return .operation(try operation(description: nil)) }
        let hasDescription = isDescription
        let keyword = hasDescription ? try lookahead() : token
        if hasDescription, keyword.kind == .leftBrace {
            throw SyntaxError(
                reason: "Unexpected description, descriptions are not supported on shorthand queries.",
                offset: token.offset)
        }
        guard keyword.kind == .name else { throw unexpected(keyword) }
        switch keyword.text {
        case "query", "mutation", "subscription":
            let start = token.offset
            return .operation(try operation(description: try description(), offset: start))
        case "fragment":
            let start = token.offset
            _ = try description()
            return .fragment(try fragment(offset: start))
        case "schema", "scalar", "type", "interface", "union", "enum", "input", "directive":
            let start = token.offset
            let text = try description()
            return .typeSystem(try typeSystem(description: text, isExtension: false, offset: start))
        case "extend" where !hasDescription:
            let start = token.offset
            try advance()
            return .typeSystem(try typeSystem(description: nil, isExtension: true, offset: start))
        default:
            if hasDescription {
                throw SyntaxError(
                    reason: "Unexpected description, only GraphQL definitions support descriptions.",
                    offset: token.offset)
            }
            throw unexpected(keyword)
        }
    }

    // MARK: Tokens

    mutating func advance() throws(SyntaxError) {
        guard token.kind != .end else { return }
        if let next = following {
            token = next
            following = nil
        } else {
            token = try lexer.next()
        }
        guard token.kind != .end else { return }
        tokenCount += 1
        if tokenCount >= limits.tokens {
            throw SyntaxError(
                reason: "Document contains more than \(limits.tokens) tokens. Parsing aborted.", offset: token.offset)
        }
    }

    private mutating func lookahead() throws(SyntaxError) -> Token {
        if let following { return following }
        let next = try lexer.next()
        following = next
        return next
    }

    @discardableResult
    mutating func expect(_ kind: Token.Kind) throws(SyntaxError) -> Token {
        let found = token
        guard found.kind == kind else {
            throw SyntaxError(reason: "Expected \(kind.symbol), found \(found.description).", offset: found.offset)
        }
        try advance()
        return found
    }

    mutating func skip(_ kind: Token.Kind) throws(SyntaxError) -> Bool {
        guard token.kind == kind else { return false }
        try advance()
        return true
    }

    func isKeyword(_ word: String) -> Bool { token.kind == .name && token.text == word }

    mutating func expectKeyword(_ word: String) throws(SyntaxError) {
        guard isKeyword(word) else {
            throw SyntaxError(reason: "Expected '\(word)', found \(token.description).", offset: token.offset)
        }
        try advance()
    }

    mutating func skipKeyword(_ word: String) throws(SyntaxError) -> Bool {
        guard isKeyword(word) else { return false }
        try advance()
        return true
    }

    func unexpected(_ token: Token) -> SyntaxError {
        SyntaxError(reason: "Unexpected \(token.description).", offset: token.offset)
    }

    mutating func name() throws(SyntaxError) -> Name {
        let token = try expect(.name)
        return Name(text: token.text, offset: token.offset)
    }

    /// One level deeper.
    mutating func descend() throws(SyntaxError) {
        nesting += 1
        if nesting > limits.nesting {
            throw SyntaxError(
                reason: "Document is nested more than \(limits.nesting) levels deep. Parsing aborted.",
                offset: token.offset)
        }
    }

    mutating func ascend() { nesting -= 1 }

    /// Between brackets, at least one where `required`.
    mutating func list<Item>(
        _ open: Token.Kind, _ close: Token.Kind, required: Bool,
        _ item: (inout Parser) throws(SyntaxError) -> Item
    ) throws(SyntaxError) -> [Item] {
        try expect(open)
        var items: [Item] = []
        if required { items.append(try item(&self)) }
        while !(try skip(close)) { items.append(try item(&self)) }
        return items
    }

    /// As `list`, nothing where the bracket doesn't stand there.
    mutating func optionalList<Item>(
        _ open: Token.Kind, _ close: Token.Kind, _ item: (inout Parser) throws(SyntaxError) -> Item
    ) throws(SyntaxError) -> [Item] {
        token.kind == open ? try list(open, close, required: true, item) : []
    }

    /// Names between delimiters, the first of which is optional.
    mutating func names(delimitedBy delimiter: Token.Kind) throws(SyntaxError) -> [Name] {
        _ = try skip(delimiter)
        var names: [Name] = []
        repeat { names.append(try name()) } while try skip(delimiter)
        return names
    }

    var isDescription: Bool { token.kind == .string || token.kind == .blockString }

    mutating func description() throws(SyntaxError) -> String? {
        guard isDescription else { return nil }
        let text = token.text
        try advance()
        return text
    }
}
