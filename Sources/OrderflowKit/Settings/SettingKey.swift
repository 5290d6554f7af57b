/// One setting: its name, its place in `Settings`, how its text is read, and what it means.
package struct SettingKey: Sendable {
    /// Dotted, as in the file and after `--set`.
    package let name: String
    /// Sentences for the file and the reference.
    package let help: String
    /// Follows "must be".
    package let expected: String
    /// May hold a password: shown redacted only.
    package let isSecret: Bool
    /// All of its text is a password: not shown at all, and not taken from the command line, which every user of the
    /// machine can read.
    package let isPassword: Bool
    /// May be empty: something else decides then.
    package let isOptional: Bool
    /// False, and nothing changed, where the text isn't what is expected.
    package let set: @Sendable (_ text: String, _ settings: inout Settings) -> Bool
    package let get: @Sendable (Settings) -> String

    package init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Settings, Value> & Sendable, _ format: SettingFormat<Value>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.name = name
        self.help = help
        expected = format.expected
        isSecret = secret || password
        isPassword = password
        isOptional = format.parse("") != nil
        set = { text, settings in
            guard let value = format.parse(text) else { return false }
            settings[keyPath: path] = value
            return true
        }
        get = { format.write($0[keyPath: path]) }
    }

    /// One that may be left out.
    package init<Wrapped: Sendable>(
        _ name: String, _ path: WritableKeyPath<Settings, Wrapped?> & Sendable, optional format: SettingFormat<Wrapped>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.init(name, path, format.optional, secret: secret, password: password, help)
    }

    package var defaultText: String { self.get(Settings()) }

    /// `http.port` is `ORDERFLOW_HTTP_PORT`.
    package var environmentName: String { Self.environmentName(of: name) }

    package static let environmentPrefix = "ORDERFLOW_"

    package static func environmentName(of name: String) -> String {
        environmentPrefix + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    /// For people: never a password.
    package func shown(_ text: String) -> String {
        if isPassword { return text.isEmpty ? "" : Redaction.mark }
        return isSecret ? Redaction.redact(text) : text
    }
}
