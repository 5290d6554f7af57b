/// One setting: its name, its place in `Settings`, how its text is read, and what it means.
public struct SettingKey: Sendable {
    /// Dotted, as in the file and after `--set`.
    package let name: String
    /// Sentences for the file and the reference.
    package let help: String
    /// Follows "must be".
    package let expected: String
    /// What is secret isn't taken from the command line either, which every user of the machine can read.
    private let secrecy: SettingSecrecy
    /// May be empty: something else decides then.
    package let isOptional: Bool
    /// False, and nothing changed, where the text isn't what is expected.
    package let set: @Sendable (_ text: String, _ settings: inout Settings) -> Bool
    package let get: @Sendable (Settings) -> String

    package init<Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Settings, Value> & Sendable, _ format: SettingFormat<Value>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.init(
            name, format, secret: secret, password: password, help, get: { $0[keyPath: path] },
            put: { $1[keyPath: path] = $0 })
    }

    private init<Value: Sendable>(
        _ name: String, _ format: SettingFormat<Value>, secret: Bool, password: Bool, _ help: String,
        get value: @escaping @Sendable (Settings) -> Value, put: @escaping @Sendable (Value, inout Settings) -> Void
    ) {
        self.name = name
        self.help = help
        expected = format.expected
        // What a format says is secret in every setting of it.
        secrecy = max(format.secrecy, password ? .whole : secret ? .partly : .open)
        isOptional = format.parse("") != nil
        set = { text, settings in
            guard let value = format.parse(text) else { return false }
            put(value, &settings)
            return true
        }
        get = { format.write(value($0)) }
    }

    /// One that may be left out.
    package init<Wrapped: Sendable>(
        _ name: String, _ path: WritableKeyPath<Settings, Wrapped?> & Sendable, optional format: SettingFormat<Wrapped>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.init(name, path, format.optional, secret: secret, password: password, help)
    }

    package var defaultText: String { self.get(Self.defaults) }

    /// Of whatever services: what nobody has set is read from the sections' own defaults.
    private static let defaults = Settings(ServiceCatalogue([]))

    /// `http.port` is `ORDERFLOW_HTTP_PORT`.
    package var environmentName: String { Self.environmentName(of: name) }

    package static let environmentPrefix = "ORDERFLOW_"

    package static func environmentName(of name: String) -> String {
        environmentPrefix + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    /// May hold a password.
    package var isSecret: Bool { secrecy > .open }
    /// All of its text is a password.
    package var isPassword: Bool { secrecy == .whole }

    /// For people: never a password.
    package func shown(_ text: String) -> String {
        switch secrecy {
        case .open: text
        case .partly: Redaction.redact(text)
        case .whole: text.isEmpty ? "" : Redaction.mark
        }
    }

    /// Whether the text has something that others mustn't see.
    package func holdsSecret(_ text: String) -> Bool { isPassword || shown(text) != text }
}

extension SettingKey: ServiceModulePart {
    /// A setting of a service.
    ///
    /// - Parameters:
    ///   - name: dotted, as in the file: `payment.concurrency`.
    ///   - secret: may hold a password: shown redacted only. A URL's format says so itself.
    ///   - password: is one: never shown, and not taken from the command line.
    ///   - help: sentences for the file and the reference.
    public init<Section: SettingsSection, Value: Sendable>(
        _ name: String, _ path: WritableKeyPath<Section, Value> & Sendable, _ format: SettingFormat<Value>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.init(
            name, format, secret: secret, password: password, help, get: { $0[Section.self][keyPath: path] },
            put: { $1[Section.self][keyPath: path] = $0 })
    }

    /// One that may be left out.
    public init<Section: SettingsSection, Wrapped: Sendable>(
        _ name: String, _ path: WritableKeyPath<Section, Wrapped?> & Sendable, optional format: SettingFormat<Wrapped>,
        secret: Bool = false, password: Bool = false, _ help: String
    ) {
        self.init(name, path, format.optional, secret: secret, password: password, help)
    }

    public func join(_ module: inout ServiceModule) { module.settings.append(self) }
}
