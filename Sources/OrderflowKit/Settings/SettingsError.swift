/// What is wrong with the configuration: every problem, one line each, none with a secret in it.
package struct SettingsError: Error, CustomStringConvertible, Equatable {
    package let problems: [String]

    package init(problems: [String]) {
        self.problems = problems
    }

    package var description: String { problems.joined(separator: "\n") }
}
