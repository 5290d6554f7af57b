import Glibc
import JSON
import Logging
import Testing

@testable import Telemetry

@Suite struct LogLineTests {
    /// What an attacker would like to see in our logs.
    private static let hostile = [
        "two\nlines", "carriage\r\nreturn", "2026-11-21T07:12:03.514021Z  info  api  forged",
        "x order_id=2 level=error",
        #"quote" other="field"#, #"back\slash"#, #"ends in \"#, "\u{1B}[2J\u{1B}[31mred", "\u{9B}31mC1",
        "\u{202E}gnp.exe",
        "\u{2028}line\u{2029}separators", "nul\0", "", " ", "tab\tdel\u{7F}", #"","level":"critical","x":""#,
        "🦊 ünïcode",
        "\u{FEFF}bom", "a\u{0301}\n\u{0301}",
    ]

    private func event(_ message: String, _ metadata: Logger.Metadata = [:], error: (any Error)? = nil) -> LogEvent {
        LogEvent(
            level: .warning, message: "\(message)", error: error, metadata: metadata, source: "test", file: "f",
            function: "f", line: 1)
    }

    private let time: Int64 = 1_700_000_000_123_456

    private func text(_ event: LogEvent, coloured: Bool = false) -> String {
        String(decoding: TextLogHandler(label: "api", isColoured: coloured).line(event, at: time), as: UTF8.self)
    }

    private func json(_ event: LogEvent) throws -> JSONValue {
        let line = JSONLogHandler(label: "api", role: "api").line(event, at: time)
        #expect(line.last == 0x0A)
        return try JSONValue(parsing: Array(line.dropLast()))
    }

    private func isPrintable(_ line: some StringProtocol) -> Bool {
        line.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0xFEFF: false
            default: true
            }
        }
    }

    @Test func peopleReadOneAlignedLine() {
        let line = text(
            event("relay leads", ["relay": "orders/events", "note": "two words", "count": .stringConvertible(7)]))
        let expected =
            "2023-11-14T22:13:20.123456Z  warning   api           relay leads  count=7  note=\"two words\"  relay=orders/events\n"
        #expect(line == expected)
    }

    @Test func machinesReadOneFlatObject() throws {
        let nested: Logger.Metadata = [
            "partition": .stringConvertible(3), "order_id": "o-1", "last": .stringConvertible(true),
            "http": ["status": "503", "route": "/orders/:id"], "tags": ["a", "b"],
        ]
        let line = JSONLogHandler(label: "http", role: "api").line(event("request failed", nested), at: time)
        let expected = """
            {"time":"2023-11-14T22:13:20.123456Z","level":"warning","role":"api","label":"http",\
            "message":"request failed","http.route":"/orders/:id","http.status":"503","last":true,\
            "order_id":"o-1","partition":3,"tags":["a","b"]}

            """
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }

    @Test(arguments: hostile) func aHostileValueStaysAValue(value: String) throws {
        let line = text(event("seen", ["value": "\(value)", "order_id": "1"]))
        #expect(line.hasSuffix("\n"))
        #expect(isPrintable(line.dropLast()))
        #expect(line.contains("  order_id=1  value="))
        // Either one bare word, or a JSON string: then it reads back as it was.
        let rest = line[(line.firstRange(of: "  value=")?.upperBound ?? line.startIndex)...].dropLast()
        if rest.hasPrefix("\"") {
            #expect(try JSONValue(parsing: String(rest)).string == value)
        } else {
            #expect(String(rest) == value)
            #expect(!value.contains { $0 == " " || $0 == "=" || $0 == "\"" })
        }
        #expect(try json(event("seen", ["value": "\(value)"]))["value"]?.string == value)
    }

    @Test(arguments: hostile) func aHostileMessageStaysAMessage(message: String) throws {
        let line = text(event(message, ["order_id": "1"]))
        #expect(isPrintable(line.dropLast()))
        // Everything before the fields is the message: it can't bring any field of its own.
        let body = line.dropFirst("2023-11-14T22:13:20.123456Z  warning   api           ".count)
        let fields = body.hasPrefix("\"") ? body.dropFirst().drop { $0 != "\"" } : body
        #expect(fields.hasSuffix("  order_id=1\n"))
        if !body.hasPrefix("\"") { #expect(body.count { $0 == "=" } == 1) }
        let object = try json(event(message, ["order_id": "1"]))
        #expect(object["message"]?.string == message)
        #expect(object["level"]?.string == "warning")
    }

    @Test(arguments: ["a b", "a=b", "x\n", "", "ключ", "a\"b"]) func hostileNamesAreMadeToFit(name: String) throws {
        let line = text(event("seen", [name: "v"]))
        let field = try #require(line.dropLast().split(separator: " ").last)
        #expect(field.hasSuffix("=v"))
        #expect(field.dropLast(2).utf8.allSatisfy { $0 == UInt8(ascii: "_") || (0x61...0x7A).contains($0) })
    }

    @Test func noFieldPassesForTheLinesOwn() throws {
        let names = ["time", "level", "role", "label", "message"]
        var metadata: Logger.Metadata = ["level-x": "1", "level_": "2"]
        for name in names { metadata[name] = "forged" }
        let object = try json(event("true", metadata))
        #expect(object["message"]?.string == "true")
        #expect(object["level"]?.string == "warning")
        #expect(object["message_"]?.string == "forged")
        #expect(object["level_"]?.string != nil)
    }

    @Test func longValuesAreCut() throws {
        let long = String(repeating: "x", count: 1 << 20)
        #expect(text(event(long, ["value": "\(long)"])).utf8.count < 20_000)
        #expect(try #require(json(event("seen", ["value": "\(long)"]))["value"]?.string).utf8.count < 10_000)
    }

    @Test func anErrorIsAField() {
        struct Broken: Error, CustomStringConvertible { let description = "it broke" }
        #expect(text(event("failed", error: Broken())).contains("error=\"it broke\""))
    }

    @Test func theCallsOwnFieldsWin() throws {
        var handler = TextLogHandler(
            label: "api", metadataProvider: Logger.MetadataProvider { ["a": "p", "b": "p", "c": "p"] })
        handler.metadata = ["b": "logger", "c": "logger"]
        let line = String(decoding: handler.line(event("x", ["c": "call"]), at: time), as: UTF8.self)
        #expect(line.hasSuffix("x  a=p  b=logger  c=call\n"))
    }

    @Test func colourSurroundsWordsAndChangesNone() {
        let event = event("relay leads", ["a": "b"])
        let coloured = text(event, coloured: true)
        #expect(coloured.contains("\u{1B}[33mwarning"))
        #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == text(event))
    }

    @Test func colourIsForTerminalsOnly() throws {
        var pipe: [Int32] = [-1, -1]
        #expect(Glibc.pipe(&pipe) == 0)
        defer { for end in pipe { close(end) } }
        #expect(!LogOutput(descriptor: pipe[1]).wantsColour(environment: [:]))
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        #expect(terminal >= 0)
        defer { close(terminal) }
        let output = LogOutput(descriptor: terminal)
        #expect(output.wantsColour(environment: ["TERM": "xterm"]))
        #expect(output.wantsColour(environment: ["NO_COLOR": ""]))
        #expect(!output.wantsColour(environment: ["NO_COLOR": "1"]))
        #expect(!output.wantsColour(environment: ["TERM": "dumb"]))
    }

    /// A socket that keeps the borders of writes shows that each line is one.
    @Test func aLineIsOneWrite() throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        let output = LogOutput(descriptor: ends[0])
        let lines = 20
        let text = Logger(label: "api", factory: { TextLogHandler(label: $0, output: output) })
        let json = Logger(label: "api", factory: { JSONLogHandler(label: $0, role: "api", output: output) })
        for index in 0..<lines {
            (index.isMultiple(of: 2) ? text : json).info("line", metadata: ["index": "\(index)", "value": "a\nb"])
        }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        for index in 0..<lines {
            let count = recv(ends[1], &buffer, buffer.count, Int32(MSG_DONTWAIT))
            let line = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
            #expect(line.hasSuffix("\n") && line.count { $0 == "\n" } == 1)
            #expect(line.contains("index=\(index) ") || line.contains("\"index\":\"\(index)\""))
        }
        #expect(recv(ends[1], &buffer, buffer.count, Int32(MSG_DONTWAIT)) == -1)
    }

    @Test func levelsAreThoseOfTheHandler() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        var logger = Logger(
            label: "x", factory: { [ends] in TextLogHandler(label: $0, output: LogOutput(descriptor: ends[1])) })
        logger.logLevel = .error
        logger.warning("unheard")
        logger.error("heard")
        close(ends[1])
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(ends[0], &buffer, buffer.count)
        close(ends[0])
        let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        #expect(text.hasSuffix("heard\n") && !text.contains("unheard"))
    }
}
