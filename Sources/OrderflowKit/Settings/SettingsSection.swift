/// The settings of one service, as plain values with defaults that suit a developer's machine.
///
/// `settings[PaymentSettings.self]` is what is in force; a `SettingKey` names each in the file, the environment and on
/// the command line.
public protocol SettingsSection: Sendable {
    init()
}

/// Settings that are each fine and can't be together.
public struct SettingsCheck: ServiceModulePart, Sendable {
    private let problems: @Sendable (Settings) -> [String]

    /// - Parameter problems: one line each, beginning with the setting's name.
    public init(_ problems: @escaping @Sendable (Settings) -> [String]) { self.problems = problems }

    public func join(_ module: inout ServiceModule) { module.checks.append(self) }

    func callAsFunction(_ settings: Settings) -> [String] { problems(settings) }
}
