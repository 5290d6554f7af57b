import Foundation
import Testing

@testable import Terminal
@testable import Notification
@testable import OrderflowApp
@testable import OrderflowKit

@Suite struct SettingsTests {
    /// A settings file in a directory of its own.
    private func file(_ text: String) throws -> String {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let path = directory.appendingPathComponent("a.yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func load(
        yaml: String = "", environment: [String: String] = [:], flags: [(String, String)] = []
    ) throws -> LoadedSettings {
        let path = try file(yaml)
        return try SettingsSources(
            OrderflowApp.services, configPath: path, environment: environment,
            flags: flags.map { SettingsSources.Flag(key: $0.0, text: $0.1, option: "--set") }
        ).load()
    }

    private func problems(
        yaml: String = "", environment: [String: String] = [:], flags: [(String, String)] = []
    ) throws -> [String] {
        let path = try file(yaml)
        do {
            _ = try SettingsSources(
                OrderflowApp.services, configPath: path, environment: environment,
                flags: flags.map { SettingsSources.Flag(key: $0.0, text: $0.1, option: "--set") }
            ).load()
            return []
        } catch {
            return error.problems.map { $0.replacing(path, with: "FILE") }
        }
    }

    @Test func defaultsApplyWhereNobodySaysAnything() throws {
        let loaded = try load()
        #expect(loaded.settings.http.port == 3000)
        #expect(loaded.origins.isEmpty)
        #expect(loaded.lines.allSatisfy { $0.origin == .builtIn || $0.origin.description.hasPrefix("derived") })
    }

    @Test func fileIsOverDefaultEnvironmentOverFileFlagOverEnvironment() throws {
        let yaml = "http:\n  port: 1\n  host: a\nlog:\n  level: debug\n"
        let environment = ["ORDERFLOW_HTTP_PORT": "2", "ORDERFLOW_HTTP_HOST": "b", "HTTP_PORT": "9", "PATH": "/bin"]
        let loaded = try load(yaml: yaml, environment: environment, flags: [("http.port", "3")])
        #expect(loaded.settings.http.port == 3)
        #expect(loaded.settings.http.host == "b")
        #expect(loaded.settings.log.level == .debug)
        #expect(loaded.origins["http.port"] == .flag("--set"))
        #expect(loaded.origins["http.host"] == .environment(name: "ORDERFLOW_HTTP_HOST"))
        guard case .file(_, line: 5) = loaded.origins["log.level"] else {
            Issue.record("log.level is from \(String(describing: loaded.origins["log.level"]))")
            return
        }
    }

    @Test func theLastFlagWins() throws {
        #expect(try load(flags: [("http.port", "1"), ("http.port", "2")]).settings.http.port == 2)
    }

    @Test func anEmptyVariableCountsAsNotSet() throws {
        #expect(try load(yaml: "http:\n  port: 1\n", environment: ["ORDERFLOW_HTTP_PORT": ""]).settings.http.port == 1)
    }

    @Test func anEmptyFlagUnsetsAnOptionalSetting() throws {
        let environment = ["ORDERFLOW_SMTP_URL": "smtp://mail:25"]
        #expect(try load(environment: environment).settings[MailSettings.self].server == "smtp://mail:25")
        #expect(try load(environment: environment, flags: [("smtp.url", "")]).settings[MailSettings.self].server == nil)
    }

    /// Every key by every way: nothing in the table is out of reach.
    @Test func everyKeyIsReadFromEverySource() throws {
        for key in OrderflowApp.services.settings.keys {
            let text = Self.sample(of: key)
            var ways = [
                try load(yaml: "\(key.name): \"\(text)\"\n", flags: Self.company(of: key)),
                try load(environment: [key.environmentName: text], flags: Self.company(of: key)),
            ]
            if !key.holdsSecret(text) { ways.append(try load(flags: Self.company(of: key) + [(key.name, text)])) }
            for loaded in ways {
                #expect(key.get(loaded.settings) == text, "\(key.name)")
                #expect(loaded.origins[key.name] != nil, "\(key.name)")
            }
        }
    }

    /// A value that isn't the default.
    private static func sample(of key: SettingKey) -> String {
        let candidates = [
            "7", "0.5", "17s", "90s", "9KiB", "9MiB", "debug", "json", "reject", "http", "choreography", "off", "on",
            "open", "throughput", "wal",
            "payment=http://x:1",
            "host:1", "x.example",
            "a@x.example", "postgresql://a:b@h:1/d", "smtp://x:25", "https://shop.example",
            "http://x/y",
            "a=b", "fraud=Cleared/Suspected", "order-events/0=7",
            "0123456789abcdef0123456789abcdef", "acme=500", "acme=500/1000", "10.0.0.5",
            "/fraud-check=FraudCleared/FraudSuspected", "protobuf",
        ]
        return candidates.first { text in
            var settings = Settings(OrderflowApp.services)
            return key.set(text, &settings) && key.get(settings) == text && text != key.defaultText
        } ?? "no sample for \(key.name)"
    }

    /// What a value needs beside it to make sense.
    private static func company(of key: SettingKey) -> [(String, String)] {
        switch key.name {
        case "payment.gateway": [("payment.gateway_url", "http://x/y")]
        case "kafka.signing": [("kafka.signing_keys", "7")]
        case "auth.jwks_url", "auth.jwks_file": [("auth.issuer", "https://id.example"), ("auth.audience", "shop")]
        default: []
        }
    }

    @Test func variableNamesAreDistinct() {
        #expect(
            Set(OrderflowApp.services.settings.keys.map(\.environmentName)).count
                == OrderflowApp.services.settings.keys.count)
        #expect(Set(OrderflowApp.services.settings.keys.map(\.name)).count == OrderflowApp.services.settings.keys.count)
    }

    @Test func everyDefaultIsReadBackAsItself() {
        for key in OrderflowApp.services.settings.keys {
            var settings = Settings(OrderflowApp.services)
            #expect(key.set(key.defaultText, &settings), "\(key.name)")
            #expect(key.get(settings) == key.defaultText, "\(key.name)")
            #expect(!key.help.isEmpty && key.help.hasSuffix("."), "\(key.name)")
        }
    }

    @Test(arguments: [
        ("http.port", "abc", "a whole number from 0 to 65535"),
        ("http.port", "65536", "a whole number from 0 to 65535"),
        ("shutdown.deadline", "10", "a duration"), ("log.level", "loud", "one of trace, debug"),
        ("http.body_limit", "1", "a size from 1KiB to 16MiB"), ("kafka.brokers", "nohost", "host:port"),
        ("payment.simulator.failure_rate", "2", "a number from 0 to 1"), ("topics.order_events", "a b", "a topic name"),
        ("http.port", "", "a whole number"),
        ("topics.format", "xml", "json, protobuf or avro"), ("topics.format", "json,avro", "json, protobuf or avro"),
        ("topics.format", "order-events=json,order-events=avro", "json, protobuf or avro"),
    ])
    func aWrongValueNamesKeyValueOriginAndExpectation(key: String, text: String, expected: String) throws {
        let found = try problems(flags: [(key, text)])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("\(key): \"\(text)\" (flag --set) must be \(expected)") == true, "\(found)")
    }

    /// Two of one name could say different things, and the one that was meant might be the other.
    @Test(arguments: [
        ("limits.tenants", "acme=5,acme=6", "tenant"), ("orders.shares", "acme=5,demo=1,acme=5", "tenant"),
        ("kafka.sources", "/x=A,/x=B", "source"), ("kafka.unsigned_before", "a/0=1,a/0=2", "partition"),
        ("saga.participants", "x=A/B,x=C/D", "step"), ("dashboard.roles", "payment=http://x:1,saga=http://x:1", "URL"),
    ])
    func whatAListNamesTwiceIsRefused(key: String, text: String, what: String) throws {
        let found = try problems(flags: [(key, text)])
        #expect(found.count == 1)
        #expect(found.first?.contains(", more by commas, each \(what) once, or empty") == true, "\(found)")
    }

    @Test func whatAListSaysOnceMoreIsHarmless() throws {
        #expect(try problems(flags: [("http.allowed_hosts", "a.example,a.example")]) == [])
        // Nothing of a secret is repeated.
        let headers = try problems(environment: ["ORDERFLOW_TELEMETRY_OTLP_HEADERS": "A=hunter2,a=hunter3"])
        #expect(headers.count == 1 && !headers.joined().contains("hunter"), "\(headers)")
    }

    @Test func aWrongValueInTheFileNamesTheLine() throws {
        #expect(
            try problems(yaml: "# a comment\nhttp:\n  port: many\n")
                == ["http.port: \"many\" (FILE:3) must be a whole number from 0 to 65535"])
    }

    @Test func aWrongSecretIsNotRepeated() throws {
        let found = try problems(environment: [
            "ORDERFLOW_DATABASE_URL": "postgresql://a:hunter2/x@h/d", "ORDERFLOW_SMTP_URL": "hunter2",
        ])
        #expect(found.count == 2)
        #expect(!found.joined().contains("hunter2"), "\(found)")
    }

    @Test func unknownNamesAreErrorsWithASuggestion() throws {
        let found = try problems(
            environment: ["ORDERFLOW_HTP_PORT": "1", "ORDERFLOW_NONSENSE_AT_ALL": "1"], flags: [("http.prt", "1")])
        #expect(
            found == [
                "--set: unknown key http.prt; did you mean http.port?",
                "environment: unknown variable ORDERFLOW_HTP_PORT; did you mean ORDERFLOW_HTTP_PORT?",
                "environment: unknown variable ORDERFLOW_NONSENSE_AT_ALL",
            ])
        #expect(
            try problems(yaml: "kafka:\n  borkers: a:1\nhttp: 3\n") == [
                "FILE:2: unknown key kafka.borkers; did you mean kafka.brokers?",
                "FILE:3: http is a section, not a setting",
            ])
    }

    @Test func kubernetesServiceLinksAndOurOwnVariablesAreNoSettings() throws {
        let environment = [
            "ORDERFLOW_API_PORT": "tcp://10.0.0.1:80", "ORDERFLOW_API_SERVICE_HOST": "10.0.0.1",
            "ORDERFLOW_API_SERVICE_PORT_HTTP": "80", "ORDERFLOW_API_PORT_80_TCP_ADDR": "10.0.0.1",
            "ORDERFLOW_PORT_80_TCP": "tcp://10.0.0.1:80", "ORDERFLOW_SUPERVISOR_FD": "3", "ORDERFLOW_DEV_BROKER": "/x",
            "ORDERFLOW_TEST_SEED": "1",
            // Beside a Service orderflow-http: the name of a setting.
            "ORDERFLOW_HTTP_PORT": "tcp://10.0.0.1:80",
        ]
        #expect(try problems(environment: environment) == [])
        #expect(try problems(environment: ["ORDERFLOW_HTTP_PORT": "tcp"]).count == 1)
        #expect(try problems(environment: ["ORDERFLOW_API_PORT": "80"]).count == 1)
    }

    @Test(arguments: [
        ("http:\n  port: [1]\n", "FILE:2: http.port must not be a list"),
        ("- a\n", "FILE:1: the file must not be a list"),
        ("just text\n", "FILE:1: keys and values are expected"),
        ("http:\n  port: 1\nhttp.port: 2\n", "FILE:3: http.port is there twice"),
        ("http:\n  port: 1\n  port: 2\n", "FILE: twice in one section: port"),
    ])
    func aMisshapenFileIsAnError(yaml: String, expected: String) throws {
        #expect(try problems(yaml: yaml) == [expected])
    }

    @Test func brokenYAMLNamesTheLineAndShowsNothingOfTheFile() throws {
        let found = try problems(yaml: "database:\n  url: \"postgresql://a:hunter2@h\n")
        #expect(found.count == 1 && found.first?.hasPrefix("FILE:") == true, "\(found)")
        #expect(!found.joined().contains("hunter2"))
    }

    @Test func emptySectionsAndEmptyFilesAreFine() throws {
        #expect(try problems(yaml: "") == [])
        #expect(try problems(yaml: "# nothing\n") == [])
        #expect(try problems(yaml: "http:\nkafka:\n  properties:\n  #  linger.ms: 5\n") == [])
    }

    @Test func aNamedFileMustExist() throws {
        #expect(throws: SettingsError.self) {
            try SettingsSources(OrderflowApp.services, configPath: "/nonexistent/a.yaml").load()
        }
        #expect(throws: SettingsError.self) {
            try SettingsSources(OrderflowApp.services, environment: ["ORDERFLOW_CONFIG": "/nonexistent/a.yaml"]).load()
        }
    }

    @Test func kafkaPropertiesArePassedThroughFromEverySource() throws {
        let loaded = try load(
            yaml: "kafka:\n  properties:\n    security.protocol: ssl\n    linger.ms: 5\n",
            environment: ["ORDERFLOW_KAFKA_PROPERTIES_SASL_PASSWORD": "hunter2"],
            flags: [("kafka.properties.linger.ms", "7")])
        #expect(
            loaded.settings.kafka.properties
                == ["security.protocol": "ssl", "sasl.password": "hunter2", "linger.ms": "7"])
        let shown = (ConfigCommand.table(loaded.lines) + ConfigCommand.json(loaded.lines)).text
        #expect(shown.contains("kafka.properties.linger.ms"))
        #expect(!shown.contains("hunter2"))
    }

    /// What allows for the dev broker slows Kafka's clients down for nothing.
    @Test func theDevBrokerIsNotExpected() throws {
        #expect(try !load().settings.kafka.configuration.isDevBroker)
        let environment = ["ORDERFLOW_KAFKA_DEV_BROKER": "on"]
        #expect(try load(environment: environment).settings.kafka.configuration.isDevBroker)
    }

    /// A text with a secret for each setting that takes one.
    private func secrets() -> [(key: SettingKey, text: String)] {
        let properties = ["sasl.password", "sasl.jaas.config", "ssl.key.pem", "sasl.oauthbearer.token.endpoint.url"]
        let keys =
            OrderflowApp.services.settings.keys
            + properties.compactMap { OrderflowApp.services.settings.key(named: SettingTable.kafkaProperties + $0) }
        // Padded as Base64 is, which looks like a pair of name and value.
        let texts =
            ["postgresql", "https", "smtp"].map { "\($0)://user:hunter2@host:1/d" }
            + ["payment=https://hunter2@host:1", "hunter2=="]
        return keys.compactMap { key in
            // Whatever takes a URL takes a password in it.
            guard key.isSecret || key.expected.contains("URL") else { return nil }
            var settings = Settings(OrderflowApp.services)
            return texts.first { key.set($0, &settings) }.map { (key, $0) }
        }
    }

    @Test func noOutputHasASecret() throws {
        let secrets = secrets()
        for name in [
            "database.url", "saga.url", "api.url", "inventory.url", "dashboard.roles", "smtp.url",
            "payment.gateway_url",
            "payment.gateway_token",
        ] {
            #expect(secrets.contains { $0.key.name == name }, "\(name)")
        }
        // Besides what makes sense of them together.
        let environment = Dictionary(uniqueKeysWithValues: secrets.map { ($0.key.environmentName, $0.text) })
            .merging(["ORDERFLOW_AUTH_ISSUER": "https://id.example", "ORDERFLOW_AUTH_AUDIENCE": "shop"]) { old, _ in old
            }
        let lines = try load(environment: environment).lines
        #expect(lines.filter { $0.shown.contains("***") }.count == secrets.count)
        #expect(!(ConfigCommand.table(lines) + ConfigCommand.json(lines)).text.contains("hunter2"))
    }

    @Test func noSecretIsTakenFromTheCommandLine() throws {
        for (key, text) in secrets() {
            let found = try problems(flags: [(key.name, text)])
            #expect(found.count == 1 && found.first?.hasSuffix("set \(key.environmentName)") == true, "\(found)")
            #expect(!found.joined().contains("hunter2"), "\(found)")
        }
        #expect(
            try problems(flags: [("payment.gateway_token", "hunter2"), ("saga.url", "http://hunter2@saga")]) == [
                "--set: other users could read payment.gateway_token there; set ORDERFLOW_PAYMENT_GATEWAY_TOKEN",
                "--set: other users could read the secret in saga.url there; set ORDERFLOW_SAGA_URL",
            ])
        // Without one a URL may stand there.
        #expect(try problems(flags: [("saga.url", "http://saga:1"), ("database.url", "postgresql://a@h/d")]) == [])
    }

    @Test func contradictionsAreErrors() throws {
        #expect(
            try problems(flags: [("payment.gateway", "http")])
                == ["payment.gateway_url: must be set where payment.gateway is http"])
        #expect(try problems(flags: [("topics.user_events", "order-events")]).count == 1)
        #expect(try problems(flags: [("http.port", "65530")]).count == 1)
        // A lane has the format of the topic beside it.
        for topic in ["order-event", "order-events-express"] {
            let found = try problems(flags: [("topics.format", "\(topic)=avro")])
            #expect(
                found.count == 1 && found[0].hasPrefix("topics.format: there is no topic \(topic); there are order-ev"))
        }
        #expect(try problems(flags: [("topics.format", "order-events=avro,protobuf")]) == [])
    }

    @Test func serviceDatabasesDeriveFromTheServer() throws {
        var environment = [
            "ORDERFLOW_DATABASE_URL": "postgresql://any:pw@db:5555/postgres",
            "ORDERFLOW_DATABASE_ADMIN_URL": "postgresql://admin:secret@db:6666/postgres",
            "ORDERFLOW_PAYMENT_DATABASE_URL": "postgresql://p@elsewhere/money",
            "ORDERFLOW_PAYMENT_DATABASE_REQUESTS_URL": "postgresql://r@elsewhere/money",
        ]
        let settings = try load(environment: environment, flags: [("database.connect_timeout", "7s")]).settings
        let orders = try settings.database(of: .orders)
        #expect(orders.host == "db" && orders.port == "5555" && orders.password == "pw")
        #expect(orders.database == "orderflow_orders" && orders.user == "orderflow_orders_daemon")
        #expect(orders.connectTimeout == .seconds(7) && orders.tenantVariable == nil)
        let requests = try settings.database(of: .orders, as: .requests)
        #expect(requests.user == "orderflow_orders_requests" && requests.password == "pw" && requests.port == "5555")
        #expect(requests.tenantVariable == "orderflow.tenant")
        let owner = try settings.database(of: .orders, as: .owner)
        #expect(owner.user == "admin" && owner.password == "secret" && owner.port == "6666")
        #expect(owner.database == "orderflow_orders" && owner.assumedRole == "orderflow_orders")
        let payment = try settings.database(of: .payment)
        #expect(payment.host == "elsewhere" && payment.database == "money" && payment.user == "p")
        #expect(try settings.database(of: .payment, as: .owner).user == "p")
        #expect(try settings.database(of: .payment, as: .requests).user == "r")
        environment["ORDERFLOW_DATABASE_PASSWORD"] = "other"
        environment["ORDERFLOW_DATABASE_ADMIN_URL"] = nil
        let second = try load(environment: environment).settings
        #expect(try second.database(of: .orders).password == "other")
        #expect(try second.database(of: .orders, as: .owner).password == "pw")
    }

    /// What changes tables isn't handed on to daemons.
    @Test func daemonsAreNotToldTheAdministrator() throws {
        let flags = [
            ("database.admin_url", "postgresql://the-administrator@db/postgres"), ("http.port", "4000"),
            ("orders.database.owner_url", "postgresql://the-owner@db/orders"),
        ]
        let handed = try load(flags: flags).flagsAsEnvironment
        #expect(handed.values.contains { $0.contains("4000") })
        #expect(!handed.values.contains { $0.contains("the-administrator") || $0.contains("the-owner") })
    }

    @Test func rolePortsDeriveFromTheFirst() throws {
        let settings = try load(flags: [("http.port", "4000"), ("saga.http.port", "9")]).settings
        #expect(settings.port(of: .api) == 4000 && settings.port(of: .shipping) == 4002)
        #expect(settings.port(of: .saga) == 9)
        #expect(try load(flags: [("http.port", "0")]).settings.port(of: .shipping) == 0)
    }

    @Test func aChildProcessArrivesAtTheSameSettings() throws {
        let flags = [
            ("http.port", "4000"), ("log.level", "debug"), ("kafka.properties.linger.ms", "7"),
            ("shutdown.deadline", "1m30s"), ("http.body_limit", "128KiB"),
        ]
        let parent = try load(flags: flags)
        let child = try load(environment: parent.flagsAsEnvironment)
        #expect(child.lines.map(\.shown) == parent.lines.map(\.shown))
        #expect(child.settings.kafka.properties == ["linger.ms": "7"])
    }

    /// An empty variable is none, so empty flags have to get there in another way.
    @Test func anEmptyFlagReachesAChildProcess() throws {
        let environment = [
            "ORDERFLOW_SMTP_URL": "smtp://mail:25", "ORDERFLOW_KAFKA_PROPERTIES_SASL_USERNAME": "shop",
        ]
        let parent = try load(
            yaml: "kafka:\n  instance: a\n", environment: environment,
            flags: [("smtp.url", ""), ("kafka.instance", ""), ("http.port", "4000")])
        #expect(parent.settings[MailSettings.self].server == nil && parent.settings.kafka.instance == nil)
        let child = try load(
            yaml: "kafka:\n  instance: a\n",
            environment: environment.merging(parent.flagsAsEnvironment) { _, flag in flag })
        #expect(child.lines == parent.lines)
        #expect(child.settings[MailSettings.self].server == nil && child.settings.kafka.instance == nil)
        #expect(child.settings.http.port == 4000)
    }

    @Test func aChildsOwnFlagIsOverItsSupervisors() throws {
        let parent = try load(flags: [("http.port", "4000")])
        #expect(try load(environment: parent.flagsAsEnvironment, flags: [("http.port", "5")]).settings.http.port == 5)
    }

    @Test func flagsThatNoSupervisorWroteAreAnError() throws {
        #expect(try problems(environment: ["ORDERFLOW_FLAGS": "http.port=1"]).count == 1)
        #expect(
            try problems(environment: ["ORDERFLOW_FLAGS": #"[{"key":"x.y","text":"","option":"--set"}]"#]).count == 1)
        #expect(try load(environment: ["ORDERFLOW_FLAGS": ""]).settings.http.port == 3000)
    }

    /// The file in the repository is the table written out.
    @Test func theShippedFileIsTheTable() throws {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent(SettingsFile.defaultPath).path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(
            text == SettingsReference(OrderflowApp.services).yaml,
            "write it anew: orderflow docs settings --to .")
        let loaded = try SettingsSources(OrderflowApp.services, configPath: path).load()
        #expect(Set(loaded.origins.keys) == Set(OrderflowApp.services.settings.keys.map(\.name)))
        for key in OrderflowApp.services.settings.keys {
            #expect(key.get(loaded.settings) == key.defaultText, "\(key.name)")
        }
    }

    @Test func theReferenceExplainsEveryKey() {
        let reference = SettingsReference(OrderflowApp.services).text
        let heads = reference.split(separator: "\n").filter { !$0.hasPrefix(" ") }
        for key in OrderflowApp.services.settings.keys {
            let head = "\(key.name)   \(key.environmentName)   default "
            #expect(heads.contains { $0.utf8.starts(with: head.utf8) }, "\(key.name)")
        }
    }
}
