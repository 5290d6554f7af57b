import Logging

/// Every setting there is. Parsing, `orderflow config`, its reference and `config/orderflow.yaml` all come from here.
package struct SettingTable: Sendable {
    package let keys: [SettingKey]
    private let byName: [String: SettingKey]
    private let byEnvironmentName: [String: SettingKey]

    /// Those of the program, and those of its services.
    init(_ modules: [ServiceModule]) {
        keys = Self.grouped(
            Self.pace + Self.relay + Self.kafka + Self.database + Self.http + Self.auth + Self.limits + Self.log
                + Self.telemetry
                + Self.dashboard
                + modules.flatMap(\.settings) + Self.saga + Self.lanes + Self.topics(modules.flatMap(\.topics))
                + Self.schemas
                + Self.shutdown
                + Self.databases(modules.compactMap(\.database) + [.access]) + Self.ports(modules))
        byName = Dictionary(keys.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        byEnvironmentName = Dictionary(keys.map { ($0.environmentName, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// A section's keys together, since a YAML mapping can't be continued later in the file.
    private static func grouped(_ keys: [SettingKey]) -> [SettingKey] {
        var sections: [(name: Substring, keys: [SettingKey])] = []
        for key in keys {
            let name = key.name.prefix { $0 != "." }
            if let index = sections.firstIndex(where: { $0.name == name }) {
                sections[index].keys.append(key)
            } else {
                sections.append((name, [key]))
            }
        }
        return sections.flatMap(\.keys)
    }

    /// Any librdkafka property may follow.
    package static let kafkaProperties = "kafka.properties."

    package func key(named name: String) -> SettingKey? {
        if let key = byName[name] { return key }
        guard name.hasPrefix(Self.kafkaProperties), name.count > Self.kafkaProperties.count else { return nil }
        return Self.kafkaProperty(String(name.dropFirst(Self.kafkaProperties.count)))
    }

    /// `ORDERFLOW_KAFKA_PROPERTIES_SECURITY_PROTOCOL` is `kafka.properties.security.protocol`: librdkafka's names have
    /// dots only.
    package func key(inEnvironment name: String) -> SettingKey? {
        if let key = byEnvironmentName[name] { return key }
        let prefix = SettingKey.environmentName(of: Self.kafkaProperties)
        guard name.hasPrefix(prefix), name.count > prefix.count else { return nil }
        return Self.kafkaProperty(
            name.dropFirst(prefix.count).lowercased().map { $0 == "_" ? "." : String($0) }.joined())
    }

    private static func kafkaProperty(_ property: String) -> SettingKey {
        SettingKey(
            kafkaProperties + property, \.kafka.properties[property], optional: .text,
            secret: property.hasSuffix(".url"), password: Redaction.isSecret(property), "")
    }

    private static let pace = [
        SettingKey(
            "pace", \.pace, .choice,
            """
            How latency is traded for CPU. While work keeps coming, a group begins its transactions and a relay its \
            publications 4 to 5 ms apart (latency), 20 to 40 ms (balanced) or 80 to 200 ms (throughput), each with \
            what has gathered; full batches and the first records after a quiet time don't wait. An order has a dozen \
            such steps before it is settled. Mails, invoices and sales come 25, 200 or 400 ms apart.
            """)
    ]

    private static let relay = [
        SettingKey(
            "relay.source", \.relaySource, .choice,
            """
            How relays hear of what was committed. windows ask the tables for what the last snapshot didn't see, when \
            they are told that there is something, and once a second. wal reads PostgreSQL's own log (logical decoding) \
            through a publication and a slot for each service, which `orderflow migrate` makes, and drops for windows: \
            nothing asks while nothing is written. It wants a server with wal_level=logical, max_replication_slots and \
            max_wal_senders for some twelve slots, and max_slot_wal_keep_size, or a slot that nobody reads fills its \
            disk; where the log can't be read, relays read by windows and say so.
            """)
    ]

    private static let kafka = [
        SettingKey("kafka.brokers", \.kafka.brokers, .brokers, "Brokers to find the cluster by: host:port, by commas."),
        SettingKey("kafka.client_id", \.kafka.clientID, .text, "How we appear in the brokers' logs and quotas."),
        SettingKey(
            "kafka.instance", \.kafka.instance, optional: .text,
            """
            The name of this process among those of its role, which it must share with none. Restarted under the same \
            name, it goes on with its partitions at once (group.instance.id). Empty is the host's name and the lowest \
            number that no other process of the role on this host has.
            """),
        SettingKey(
            "kafka.dev_broker", \.kafka.devBroker, .choice,
            """
            Whether the brokers are the dev broker of scripts/run, which isn't Kafka in every respect. Leave it off for \
            Kafka.
            """),
        SettingKey(
            "kafka.signing", \.kafka.signing, .choice,
            """
            Whether facts and commands are signed by who says them: off; sign, but believe unsigned ones too, while \
            processes are being updated; on, and what isn't signed by a source that may say it is a dead letter.
            """),
        SettingKey(
            "kafka.signing_keys", \.kafka.signingKeys, optional: .path,
            """
            The directory of the keys, which `orderflow signing keys` makes: a file orderflow.payment.keys for the \
            source /orderflow/payment, and so on.
            """),
        SettingKey(
            "kafka.sources", \.kafka.sources, .foreignSources,
            """
            Producers that are no services of this program, and the types that they may say: \
            /fraud-check=FraudCleared/FraudSuspected, more of them by commas. It counts where kafka.signing is on.
            """),
        SettingKey(
            "kafka.unsigned_before", \.kafka.unsignedBefore, .offsets,
            """
            Records below these offsets may be unsigned, being from before kafka.signing: topic/partition=offset, more \
            of them by commas. `orderflow signing ends` prints it. Empty believes no unsigned record.
            """),
    ]

    private static let database = [
        SettingKey(
            "database.url", \.database.url, .databaseURL,
            """
            The PostgreSQL server, as daemons reach it. Database and user of the URL are replaced: each service has a \
            database orderflow_<service>, which its daemons know as orderflow_<service>_daemon, and those who answer \
            requests as orderflow_<service>_requests.
            """),
        SettingKey(
            "database.password", \.database.password, optional: .text, password: true,
            "Of the roles that daemons log in as; empty is the one in database.url. Not taken from the command line."),
        SettingKey(
            "database.admin_url", \.database.adminURL, optional: .databaseURL,
            """
            The administrator's database. `orderflow migrate` makes databases and roles with it, and rebuilds change \
            tables with it; daemons need not and should not know it. Empty is database.url, which then has to be an \
            administrator's.
            """),
        SettingKey(
            "database.connect_timeout", \.database.connectTimeout, .duration(.milliseconds(100) ... .seconds(300)),
            "For one server to accept a connection."),
        SettingKey(
            "database.statement_timeout", \.database.statementTimeout, .duration(.milliseconds(100) ... .seconds(3600)),
            "The server cancels a statement after this."),
        SettingKey(
            "database.lock_timeout", \.database.lockTimeout, .duration(.milliseconds(10) ... .seconds(3600)),
            "The server gives up waiting for one lock after this."),
    ]

    private static let http = [
        SettingKey(
            "http.host", \.http.host, .text,
            "Address to listen on, IPv4, IPv6 or a name. There is no TLS: put a proxy in front of public ones."),
        SettingKey(
            "http.port", \.http.port, .port,
            "The API's port; the other roles' /livez, /readyz and /metrics are on the ports after it. 0 takes free ones."
        ),
        SettingKey(
            "http.allowed_hosts", \.http.allowedHosts, .hostNames,
            """
            Names that requests may have in Host, by commas, besides addresses, localhost and http.host; *.shop.example \
            is all below it, * any name. Others are answered 421: a page elsewhere could have its own name lead here and \
            read us as its own (DNS rebinding). Behind a proxy that hands Host on, the public name belongs here.
            """),
        SettingKey(
            "http.cors_origins", \.http.corsOrigins, .origins,
            """
            Pages of other origins that may send requests and read the answers (CORS), such as https://shop.example, by \
            commas; cookies never go along. Requests of any other page are answered 403.
            """),
        SettingKey(
            "http.trusted_proxies", \.http.trustedProxies, .addressRanges,
            """
            Addresses of proxies, as 10.0.0.0/8, by commas, whose X-Forwarded-For says who the client is: limits by \
            address count that one then. The proxy must set the field itself.
            """),
        SettingKey("http.loops", \.http.loops, optional: .integer(1...256), "Event loops; empty is one a core."),
        SettingKey(
            "http.max_connections", \.http.connections, .integer(1...1_000_000), "Open connections; 503 beyond."),
        SettingKey(
            "http.max_connections_per_address", \.http.connectionsPerAddress, optional: .integer(1...1_000_000),
            "Open connections of one address, 429 beyond; empty is no limit, as behind a proxy it must be."),
        SettingKey(
            "http.body_limit", \.http.bodyLimit, .bytes(1 << 10...16 << 20), "Largest request body; 413 beyond."),
        SettingKey(
            "http.head_limit", \.http.headLimit, .bytes(1 << 10...60 << 10),
            "Request line and header fields; 431 beyond."),
        SettingKey(
            "http.head_timeout", \.http.headTimeout, requestTime,
            "From a request's first byte to the end of its head; 408 beyond."),
        SettingKey(
            "http.body_timeout", \.http.bodyTimeout, requestTime, "From the end of the head to the end of the body."),
        SettingKey("http.idle_timeout", \.http.idleTimeout, requestTime, "Between requests."),
        SettingKey(
            "http.write_timeout", \.http.writeTimeout, requestTime,
            "A client that takes less than http.least_rate of its answer for so long is cut off."),
        SettingKey(
            "http.least_rate", \.http.leastRate, .bytes(1...16 << 20),
            "A second, by what the client's machine has acknowledged; 16 times as much once half of http.max_unsent is used."
        ),
        SettingKey(
            "http.max_unsent", \.http.unsentLimit, .bytes(1 << 20...16 << 30),
            "Answers that clients haven't taken yet, over all connections; large ones are answered 503 beyond."),
    ]
    private static let requestTime = SettingFormat.duration(.milliseconds(100) ... .seconds(3600))

    private static let log = [
        SettingKey("log.level", \.log.level, .choice, "The least serious lines that are written."),
        SettingKey("log.format", \.log.format, .choice, "text for people, json for machines: one object a line."),
        SettingKey(
            "log.ship_level", \.log.shipLevel, optional: .choice,
            """
            The least serious lines that daemons ship to the topic topics.logs as well, where `orderflow logs` finds \
            them; debug has the way of each order. Empty ships none.
            """),
    ]

    private static let telemetry = [
        SettingKey(
            "telemetry.otlp_endpoint", \.telemetry.otlpEndpoint,
            optional: .url("http", "https", example: "http://127.0.0.1:4318"),
            "A collector of OpenTelemetry traces (OTLP/HTTP, JSON; /v1/traces is added); empty records none."),
        SettingKey(
            "telemetry.otlp_headers", \.telemetry.otlpHeaders, .headers,
            "Sent to the collector, as name=value, more of them by commas. Not taken from the command line."),
        SettingKey(
            "telemetry.otlp_timeout", \.telemetry.otlpTimeout, .duration(.milliseconds(100) ... .seconds(60)),
            "For one export to the collector."),
        SettingKey(
            "telemetry.sample_ratio", \.telemetry.sampleRatio, .ratio,
            """
            How many of the traces that begin here are recorded, from 0 to 1. A request with a traceparent is recorded \
            if that says so. The same for all roles.
            """),
        SettingKey(
            "telemetry.queue_limit", \.telemetry.queueLimit, .integer(1...1_000_000),
            "Spans that may wait for their export; more are counted and lost."),
    ]

    private static let dashboard = [
        SettingKey(
            "dashboard.shown", \.dashboard.shown, .choice,
            """
            Whether the API has the dashboard at /. It shows operational data of all tenants: on an API that strangers \
            reach, turn it off, or keep them from / and /dashboard/ (and /metrics) by the proxy in front.
            """),
        SettingKey(
            "dashboard.roles", \.dashboard.roles, .roleAddresses,
            """
            The processes that it asks: role=URL, by commas, several of one role too. Empty is one of each role on \
            this machine.
            """),
        SettingKey(
            "dashboard.session", \.dashboard.session, .duration(.seconds(60) ... .seconds(30 * 86_400)),
            """
            How long a sign-in lasts, where auth.mode asks for one; less where its credential expires or is revoked \
            before.
            """),
    ]

    private static let saga = [
        SettingKey(
            "saga.mode", \.mode, .choice,
            """
            orchestration: the saga role commands each step. choreography: the services react to each other, and the \
            saga role only keeps track. The same for all roles; change it when no order is under way.
            """),
        SettingKey(
            "saga.clock_skew", \.clockSkew, .duration(.zero ... .seconds(3600)),
            """
            How far the clocks of the shop's machines may be from each other. A command that is handled later than the \
            deadline of its step by more than this isn't done: CommandExpired answers it.
            """),
    ]

    private static func topics(_ topics: [Topic]) -> [SettingKey] {
        [
            SettingKey(
                "topics.partitions", \.topics.partitions, .integer(1...10_000),
                "Partitions of a new topic. More later would break the order of events per order."),
            SettingKey(
                "topics.replication", \.topics.replication, .integer(1...100),
                "Copies of each partition; 3 in production, with min.insync.replicas 2 on the brokers."),
            SettingKey(
                "topics.format", \.topics.formats, .topicFormats,
                """
                What facts and commands are sent in: json, protobuf or avro, for all topics or by topic, as \
                order-events=protobuf,order-commands=json (one without a topic is for the others). protobuf and avro are \
                in Confluent's wire format. Readers take each record as it is: a topic may have several formats.
                """),
        ]
            + topics.map { SettingKey("topics.\($0.id)", \.topics.names[$0], .topic, $0.summary) }
            + [
                SettingKey("topics.logs", \.topics.names.logs, .topic, "Log lines, where log.ship_level says so."),
                SettingKey(
                    "topics.logs_retention", \.topics.logsRetention,
                    .duration(.seconds(10) ... .seconds(3650 * 86_400)),
                    "How long the brokers keep log lines; of a topic made from now on."),
            ]
    }

    private static let lanes = [
        SettingKey(
            "lanes.express", \.lanes.express, .choice,
            """
            Whether express orders ("priority":"express") go ahead of others, on topics of their own. off takes them as \
            all others from now on, while some process of an older version doesn't read those topics yet; what is on them \
            is read either way.
            """)
    ]

    private static let shutdown = [
        SettingKey(
            "shutdown.deadline", \.shutdown.deadline, .duration(.milliseconds(100) ... .seconds(600)),
            "For work in hand after SIGTERM or Ctrl-C; what isn't done by then is cut off and done after the restart.")
    ]

    private static func databases(_ databases: [ServiceDatabase]) -> [SettingKey] {
        databases.flatMap { database in
            [
                SettingKey(
                    "\(database.name).database.url", \.serviceDatabaseURL[database.name], optional: .databaseURL,
                    "The database of \(database.name); empty derives it from database.url."),
                SettingKey(
                    "\(database.name).database.owner_url", \.serviceOwnerURL[database.name], optional: .databaseURL,
                    "The same for `migrate` and rebuilds, as the owner of its tables."),
                SettingKey(
                    "\(database.name).database.requests_url", \.serviceRequestsURL[database.name],
                    optional: .databaseURL,
                    "The same for requests: a role of its own, which owns nothing and sees rows of one tenant."),
            ]
        }
    }

    private static func ports(_ modules: [ServiceModule]) -> [SettingKey] {
        modules.map { module in
            SettingKey(
                "\(module.name).http.port", \.rolePort[module.name], optional: .port,
                "The port of `orderflow \(module.name)`; empty is http.port"
                    + (module.port == 0 ? "." : " + \(module.port)."))
        }
    }
}
