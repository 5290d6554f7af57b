/// What is wrong with the configuration: every problem, one line each, none with a secret in it.
struct SettingsError: Error, CustomStringConvertible, Equatable {
    let problems: [String]

    var description: String { problems.joined(separator: "\n") }
}
