import ArgumentParser
import Execution
import Foundation
import Kafka
import Logging
import Messaging
import OrderflowKit
import Terminal

struct SigningCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signing",
        abstract: "Keys by which facts are signed, and where signing began.",
        discussion: """
            Where kafka.signing is on, each source signs its facts and commands, and whatever isn't signed by a source \
            that may say it is a dead letter. To switch it on without one: make the keys and give them to all processes; \
            set kafka.signing to sign and restart them all; set kafka.unsigned_before to what `signing ends` prints, and \
            kafka.signing to on.

            EXAMPLES
              orderflow signing keys --to /etc/orderflow/keys              what is missing
              orderflow signing keys --to /etc/orderflow/keys --rotate     a new key for each source, in front
              orderflow signing ends                                       for kafka.unsigned_before
            """,
        subcommands: [SigningKeysCommand.self, SigningEndsCommand.self])
}

struct SigningKeysCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make a file of keys for each source.",
        discussion: """
            One for each service of the program and each producer of kafka.sources, readable by its owner alone. Files \
            that are there stay as they are; with --rotate each gets a new key in front, which signs from the next start \
            on. Give the files to all processes and restart those that read first: an old key verifies until its line is \
            deleted. Each process needs its own source's file to sign, and all files to verify the others.

            EXAMPLES
              orderflow signing keys --to var/keys
              orderflow signing keys --to var/keys --rotate
            """)

    @OptionGroup var options: SettingsOptions

    @Option(help: ArgumentHelp("The directory; made where it is missing.", valueName: "directory"))
    var to: String

    @Flag(help: "Put a new key in front of those that are there.")
    var rotate = false

    func execute() throws {
        let settings = try options.load().settings
        try FileManager.default.createDirectory(
            atPath: to, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for source in RecordSigning.says(settings).keys.sorted() {
            let path = to + "/" + RecordSigning.fileName(of: source)
            let there = FileManager.default.fileExists(atPath: path)
            guard !there || rotate else {
                tell("\(source): there already   \(path)\n")
                continue
            }
            let old = there ? try String(contentsOfFile: path, encoding: .utf8) : ""
            try SigningKeyFile.write(SourceKeys.line(at: Date()) + "\n" + old, to: path)
            tell("\(source): \(there ? "a new key in front" : "made")   \(path)\n")
        }
    }
}

/// Written so that it is there whole or not at all, and readable by its owner alone from the first byte on.
enum SigningKeyFile {
    static func write(_ text: String, to path: String) throws {
        let fresh = path + ".new"
        try? FileManager.default.removeItem(atPath: fresh)
        guard
            FileManager.default.createFile(
                atPath: fresh, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: fresh]) }
        guard rename(fresh, path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
    }
}

struct SigningEndsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "ends",
        abstract: "Print where the topics end now, for kafka.unsigned_before.",
        discussion: """
            What was recorded before everybody signed stays readable: records below these offsets may be unsigned. Offsets \
            are the brokers' to give, so that nobody can put a record there afterwards.

            EXAMPLES
              orderflow signing ends
              ORDERFLOW_KAFKA_UNSIGNED_BEFORE=$(orderflow signing ends) orderflow payment --set kafka.signing=on
            """)

    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let ends = try await DedicatedThread.run("ends") { try Self.ends(settings) }
        tell("\(TerminalText(stringLiteral: SettingFormat<[TopicPartition: Int64]>.offsets.write(ends)))\n")
    }

    private static func ends(_ settings: Settings) throws -> [TopicPartition: Int64] {
        let admin = try Admin(settings.kafka.configuration, logger: Logger(label: "signing"))
        let names = Set(settings.topicNames)
        var ends: [TopicPartition: Int64] = [:]
        for topic in try admin.topics() where names.contains(topic.name) {
            for partition in topic.partitions {
                let place = TopicPartition(topic: topic.name, partition: partition.id)
                ends[place] = try admin.watermarks(place).high
            }
        }
        return ends
    }
}
