import ArgumentParser
import Foundation
import OrderflowKit
import Terminal

struct NewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Begin a service of your own.",
        subcommands: [NewServiceCommand.self])
}

struct NewServiceCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "service",
        abstract: "Write a package with a service, ready to build and to test.",
        discussion: """
            Makes the folder NAME with a Swift package in it: a fact, a consumer group with a table, a read model that can \
            be rebuilt, a route, a test, and a program that runs the shop with the service in it. Nothing that exists is \
            written over. docs/extending.md goes on from there.

            EXAMPLES
              orderflow new service gift-cards --to ..
              cd ../gift-cards && swift test && swift run gift-cards-shop up --prepare
            """)

    @Argument(help: "Lower-case letters, digits and hyphens.") var name: String
    @Option(help: ArgumentHelp("Where the folder is made.", valueName: "path")) var to = "."
    @Option(help: ArgumentHelp("Where orderflow's package lies, from here.", valueName: "path")) var orderflow = "."

    func validate() throws {
        if let flaw = ServiceTemplate.flaw(of: name) { throw ValidationError(flaw) }
        if OrderflowApp.services[name] != nil { throw ValidationError("there is a service \(name) already") }
    }

    func execute() throws {
        let kit = URL(fileURLWithPath: orderflow).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: kit + "/Sources/OrderflowKit") else {
            throw ValidationError("\(kit) isn't orderflow's package: say where it lies with --orderflow")
        }
        let folder = URL(fileURLWithPath: to).appendingPathComponent(name).standardizedFileURL
        guard !FileManager.default.fileExists(atPath: folder.path) else {
            throw ValidationError("\(folder.path) is there already")
        }
        for (path, text) in ServiceTemplate(name: name, kit: kit).files {
            let file = folder.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file, options: .withoutOverwriting)
            tell("\(file.path)\n")
        }
    }
}
