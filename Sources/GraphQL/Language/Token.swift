/// Lexical tokens (specification, section 2.1.6).
struct Token: Sendable {
    enum Kind: Equatable, Sendable {
        case end
        case bang, dollar, ampersand, leftParenthesis, rightParenthesis, spread, colon, equals, at
        case leftBracket, rightBracket, leftBrace, pipe, rightBrace
        case name, int, float, string, blockString
    }

    let kind: Kind
    let offset: Int
    /// Of names, numbers (as written) and strings (decoded).
    let text: String

    /// For error messages: `Name 'order'`, `'}'`.
    var description: String {
        switch kind {
        case .name: "Name '\(text)'"
        case .int: "Int '\(text)'"
        case .float: "Float '\(text)'"
        case .string: "String '\(text.prefix(40))'"
        case .blockString: "BlockString '\(text.prefix(40))'"
        default: kind.symbol
        }
    }
}

extension Token.Kind {
    var symbol: String {
        switch self {
        case .end: "<EOF>"
        case .bang: "'!'"
        case .dollar: "'$'"
        case .ampersand: "'&'"
        case .leftParenthesis: "'('"
        case .rightParenthesis: "')'"
        case .spread: "'...'"
        case .colon: "':'"
        case .equals: "'='"
        case .at: "'@'"
        case .leftBracket: "'['"
        case .rightBracket: "']'"
        case .leftBrace: "'{'"
        case .pipe: "'|'"
        case .rightBrace: "'}'"
        case .name: "Name"
        case .int: "Int"
        case .float: "Float"
        case .string: "String"
        case .blockString: "BlockString"
        }
    }
}

/// Why a text is no document, and where.
struct SyntaxError: Error {
    let reason: String
    let offset: Int
}
