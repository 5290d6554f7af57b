import ArgumentParser
import Foundation

/// The person who does something to an order or a dead letter, for its history.
struct OperatorName: ParsableArguments {
    @Option(help: "Who you are; default $USER.") var by: String?

    var name: String {
        get throws {
            guard let name = by ?? ProcessInfo.processInfo.environment["USER"], !name.isEmpty else {
                throw ValidationError("--by is needed where $USER isn't set")
            }
            return name
        }
    }
}
