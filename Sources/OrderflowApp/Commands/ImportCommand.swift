import ArgumentParser
import Execution
import Foundation
import Messaging
import OrderflowKit
import Orders
import Terminal

struct ImportCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Send the orders of a file to the API.",
        discussion: """
            FILE has a JSON order a line (.ndjson), one JSON array (.json), or a table with a header (.csv); - is stdin. \
            Orders go out in batches of \(ImportChunk.recordLimit) (POST /orders/batch). What is refused goes to \
            FILE.rejected.ndjson with its reason, to be mended and imported from there, and makes the exit code 1.

            Killed at any moment, the same command goes on where it ended, and makes no order a second time: an order's id \
            follows from the import's key and its place in the file. The key is a digest of the file unless --key names \
            one; FILE.import.ndjson says which batches are done, and only saves sending them again. A file that was \
            changed in between is refused. Go on as the same caller: ids depend on who sends.

            A table has the columns userId, sku, qty and price (of a piece) or total (of the order), and may have order, \
            currency, email, shippingAddress, paymentToken, priority (ordinary or express) and placeAt. Rows with the same \
            `order` that follow each other are the lines of one order.

            Where the API is away, or asks to wait, it is waited for, up to --patience. Where callers are identified, the \
            key or token is in the file that --token-file names, or in \(SettingsEnvironment.token).

            EXAMPLES
              orderflow import orders.csv
              orderflow import orders.ndjson --wait                           until all are confirmed or cancelled
              orderflow import orders.csv --dry-run                           what would be refused
              zcat orders.ndjson.gz | orderflow import - --key march          name a key to be able to go on
              orderflow import orders.csv --url https://shop.example --token-file shop.key
            """)

    @Argument(help: "The file, or - for stdin.") var file: String
    @Option(help: "ndjson, json or csv; default: as the file is called, or begins.") var format: ImportFormat?
    @Option(help: ArgumentHelp("What this import is known by; default a digest of the file.", valueName: "name"))
    var key: String?
    @Option(help: ArgumentHelp("The API; default: http.host and http.port.", valueName: "url")) var url: String?
    @Option(help: ArgumentHelp("Whose orders they are, for who may send any tenant's.", valueName: "tenant"))
    var tenant: String?
    @Option(help: ArgumentHelp("A file with the API key or token to send.", valueName: "path")) var tokenFile: String?
    @Option(help: ArgumentHelp("Batches on their way at once, 1 to 16.", valueName: "count")) var parallel = 2
    @Option(help: ArgumentHelp("How long the API may be away.", valueName: "duration")) var patience = "15m"
    @Option(help: ArgumentHelp("Where refused orders go; default FILE.rejected.ndjson.", valueName: "path"))
    var rejected: String?
    @Option(help: ArgumentHelp("Between the fields of a table.", valueName: "character")) var separator = ","
    @Flag(help: "Pass over columns that no order has.") var ignoreUnknownColumns = false
    @Flag(help: "Only say what would be refused; send nothing.") var dryRun = false
    @Flag(help: "Wait until all orders are confirmed or cancelled, and say how many.") var wait = false
    @OptionGroup var options: SettingsOptions

    static let keyLimit = 128

    func validate() throws {
        if let key {
            guard (1...Self.keyLimit).contains(key.utf8.count), key.utf8.allSatisfy(Self.isKeyByte) else {
                throw ValidationError("--key takes 1 to \(Self.keyLimit) letters, digits and . _ - of ASCII")
            }
        }
        guard (1...16).contains(parallel) else { throw ValidationError("--parallel takes 1 to 16, not \(parallel)") }
        guard DurationText.parse(patience) != nil else {
            throw ValidationError("--patience takes a duration such as 15m, not \(patience)")
        }
        guard separator.utf8.count == 1, !["\"", "\n", "\r"].contains(separator) else {
            throw ValidationError("--separator takes one character of ASCII, such as ;")
        }
        try TenantArgument.check(tenant)
        if let url, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            throw ValidationError("--url takes http://… or https://…, not \(url)")
        }
        if dryRun, wait { throw ValidationError("--dry-run sends nothing that --wait could wait for") }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || ".-_".utf8.contains(byte)
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let path = file == "-" ? nil : file
        let reading = ImportReader.Options(
            format: format ?? path.flatMap { ImportFormat.of(path: $0) },
            separator: separator.utf8.first ?? UInt8(ascii: ","), ignoresUnknownColumns: ignoreUnknownColumns)
        if dryRun { return try await check(path, reading) }

        let target = ImportClient.Target(
            url: Self.base(url ?? settings.url(of: .api)), tenant: tenant, token: try token())
        let stop = StopSignal()
        // The second one ends the process at once: that loses nothing either.
        let signals = SignalWatch([SIGINT, SIGTERM]) { signal in
            if stop.isStopped { _exit(128 + signal) }
            stop.stop()
        }
        defer { signals.cancel() }
        let meter = ImportMeter()
        let patience = ImportPatience(DurationText.parse(patience) ?? .seconds(900), patience) { trouble in
            meter.show(trouble: trouble)
        }
        let client = ImportClient(target, patience: patience, stop: stop)
        let (wait, isNamed) = (wait, key != nil || path != nil)
        let wish = Wish(path: path, reading: reading, key: key, parallel: parallel, rejected: rejected)
        do {
            let refused = try await DedicatedThread.run("import") {
                let plan = try Self.plan(wish, target)
                let outcome = try ImportRun(plan, client, meter, stop: stop).run()
                Self.report(outcome, plan)
                if wait { try Self.follow(outcome, client, meter) }
                return outcome.progress.refused
            }
            if refused > 0 { throw ExitCode(ExitStatus.failure) }
        } catch is ImportClient.Interrupted {
            warn(isNamed ? "interrupted; the same command goes on" : "interrupted")
            throw ExitCode(130)
        }
    }

    // MARK: What is to be done

    /// What the command line says of it.
    private struct Wish: Sendable {
        let path: String?
        let reading: ImportReader.Options
        let key: String?
        let parallel: Int
        let rejected: String?
    }

    private static func plan(_ wish: Wish, _ target: ImportClient.Target) throws -> ImportRun.Plan {
        let digest = try wish.path.map { path throws(ImportError) in try ImportInput.digest(of: path) }
        let journalPath = wish.path.map { $0 + ".import.ndjson" }
        if let path = wish.path, let digest, let journalPath, let earlier = try ImportJournal.header(at: journalPath),
            earlier.digest != digest, wish.key == nil || wish.key == earlier.key
        {
            throw ImportError(
                "\(path) was changed since its import began: import what is new in a file of its own, or give another "
                    + "--key to import all of it as something new (\(journalPath) is the journal of the first one)")
        }
        let key = wish.key ?? digest ?? UUIDText.v7(microseconds: WallClock.nowMicroseconds())
        if wish.path == nil, wish.key == nil {
            warn("stdin without --key: if this is interrupted, it can't go on without making orders twice")
        }
        return ImportRun.Plan(
            path: wish.path, reading: wish.reading, key: key, parallel: wish.parallel,
            rejectsPath: wish.rejected ?? (wish.path ?? "import") + ".rejected.ndjson", journalPath: journalPath,
            header: ImportJournal.Header(
                key: key, digest: digest ?? "", url: target.url, tenant: target.tenant ?? ""),
            digest: digest)
    }

    private static func base(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }

    private func token() throws -> String? {
        let text: String
        if let tokenFile {
            text = try String(contentsOfFile: tokenFile, encoding: .utf8)
        } else if let token = ProcessInfo.processInfo.environment[SettingsEnvironment.token], !token.isEmpty {
            text = token
        } else {
            return nil
        }
        // The text isn't repeated: it is a secret.
        guard
            let token = SettingFormat<String>.bearerToken.parse(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else {
            throw ValidationError(
                "\(tokenFile ?? SettingsEnvironment.token) has something else in it than a key or token")
        }
        return token
    }

    // MARK: What has come of it

    private func check(_ path: String?, _ reading: ImportReader.Options) async throws {
        let check = try await DedicatedThread.run("import") {
            var told = 0
            let check = try ImportCheck.run(path, reading) { place, flaw in
                told += 1
                if told <= ImportWatch.shown { warn("\(place): \(flaw)") }
            }
            if told > ImportWatch.shown { warn("and \(told - ImportWatch.shown) more") }
            return check
        }
        tell("\(check.sound) orders are sound, \(check.flawed) would be refused\n")
        if check.flawed > 0 { throw ExitCode(ExitStatus.failure) }
    }

    private static func report(_ outcome: ImportRun.Outcome, _ plan: ImportRun.Plan) {
        let progress = outcome.progress
        tell("\(progress.accepted) orders taken, \(progress.refused) refused, in \(outcome.batchIDs.count) batches\n")
        if progress.refused > 0 { tell("refused orders are in \(plan.rejectsPath)\n") }
    }

    private static func follow(_ outcome: ImportRun.Outcome, _ client: ImportClient, _ meter: ImportMeter) throws {
        let (sums, cancelled) = try ImportWatch(client, meter).run(outcome.batchIDs)
        tell("\(sums.confirmed) orders confirmed, \(sums.cancelled) cancelled\n")
        for failure in cancelled { tell("cancelled: \(failure.orderID): \(failure.reason)\n") }
        if sums.cancelled > cancelled.count { tell("and \(sums.cancelled - cancelled.count) more\n") }
    }
}

extension ImportFormat: ExpressibleByArgument {}
