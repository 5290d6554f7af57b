import ArgumentParser
import Foundation
import JSON
import OrderflowKit
import Terminal

struct ConfigCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show the settings in force and where each came from.",
        discussion: """
            Settings come from, each over the one before: the defaults; config/orderflow.yaml, or the file named by \
            --config or ORDERFLOW_CONFIG; environment variables, http.port being ORDERFLOW_HTTP_PORT; flags, --set \
            http.port=8080 or a named one. An empty environment variable counts as not set. Passwords are never shown, \
            and what has one isn't taken from flags.

            A setting with a wrong value, and one that doesn't exist, is an error that names it and where it stands; \
            exit code 78.

            EXAMPLES
              orderflow config                              what is in force
              orderflow config --changed                    only what isn't a default
              orderflow config --reference                  every setting explained
              orderflow docs settings > my.yaml             a file to start from
              orderflow config --config my.yaml --json      check a file; for scripts
            """)

    @OptionGroup var options: SettingsOptions

    @Flag(help: "Only what was set.")
    var changed = false

    @Flag(help: "One JSON object: key → value and origin.")
    var json = false

    @Flag(help: "Explain every setting.")
    var reference = false

    func validate() throws {
        guard !reference || !(json || changed) else { throw ValidationError("--reference stands alone") }
    }

    func execute() throws {
        if reference { return tell("\(TerminalText(stringLiteral: SettingsReference(OrderflowApp.services).text))\n") }
        let lines = try options.load().lines.filter { !changed || $0.origin.isChosen }
        tell(json ? Self.json(lines) : Self.table(lines))
    }

    static func table(_ lines: [LoadedSettings.Line]) -> TerminalText {
        let rows = lines.map { [$0.name, $0.shown.isEmpty ? "(empty)" : $0.shown, "\($0.origin)"] }
        return TextTable.write(rows)
    }

    static func json(_ lines: [LoadedSettings.Line]) -> TerminalText {
        var writer = JSONWriter()
        writer.object { writer in
            for line in lines {
                writer.key(dynamic: line.name)
                writer.object { writer in
                    writer.field("value", line.shown)
                    writer.field("origin", "\(line.origin)")
                }
            }
        }
        return TerminalText(json: writer.bytes)
    }
}

extension SettingOrigin {
    /// Whether it was set, rather than left at its default.
    fileprivate var isChosen: Bool {
        switch self {
        case .builtIn, .derived: false
        case .file, .environment, .flag: true
        }
    }
}
