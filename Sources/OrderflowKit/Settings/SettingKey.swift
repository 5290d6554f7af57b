/// One setting: its name, its place in `Settings`, how its text is read, and what it means.
public struct SettingKey: Sendable {
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
        isSecret = secret || password
        isPassword = password
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

    /// For people: never a password.
    package func shown(_ text: String) -> String {
        if isPassword { return text.isEmpty ? "" : Redaction.mark }
        return isSecret ? Redaction.redact(text) : text
    }
}

extension SettingKey: ServiceModulePart {
    /// A setting of a service.
    ///
    /// - Parameters:
    ///   - name: dotted, as in the file: `payment.concurrency`.
    ///   - secret: may hold a password, as a URL does: shown redacted only.
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
