import ArgumentParser

@main
struct Orderflow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "orderflow")
}
