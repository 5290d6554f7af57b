import Logging

/// Every setting there is. Parsing, `orderflow config`, its reference and `config/orderflow.yaml` all come from here.
package enum SettingTable {
    package static let keys: [SettingKey] = grouped(
        kafka + database + http + log + telemetry + dashboard + orders + views + mail + inventory + payment + saga
            + topics
            + shutdown
            + serviceDatabases + rolePorts)

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

    private static let byName = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })
    private static let byEnvironmentName = Dictionary(uniqueKeysWithValues: keys.map { ($0.environmentName, $0) })

    /// Any librdkafka property may follow.
    package static let kafkaProperties = "kafka.properties."

    package static func key(named name: String) -> SettingKey? {
        if let key = byName[name] { return key }
        guard name.hasPrefix(kafkaProperties), name.count > kafkaProperties.count else { return nil }
        return kafkaProperty(String(name.dropFirst(kafkaProperties.count)))
    }

    /// `ORDERFLOW_KAFKA_PROPERTIES_SECURITY_PROTOCOL` is `kafka.properties.security.protocol`: librdkafka's names have
    /// dots only.
    package static func key(inEnvironment name: String) -> SettingKey? {
        if let key = byEnvironmentName[name] { return key }
        let prefix = SettingKey.environmentName(of: kafkaProperties)
        guard name.hasPrefix(prefix), name.count > prefix.count else { return nil }
        return kafkaProperty(name.dropFirst(prefix.count).lowercased().map { $0 == "_" ? "." : String($0) }.joined())
    }

    private static func kafkaProperty(_ property: String) -> SettingKey {
        SettingKey(
            kafkaProperties + property, \.kafka.properties[property], optional: .text,
            password: Redaction.isSecret(property), "")
    }

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
    ]

    private static let database = [
        SettingKey(
            "database.url", \.database.url, .databaseURL, secret: true,
            """
            The administrator's database. `orderflow migrate` makes the services' databases and roles with it; their \
            URLs are derived from it: database and role orderflow_<service>, same server and password.
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
            optional: .url("http", "https", example: "http://127.0.0.1:4318"), secret: true,
            "A collector of OpenTelemetry traces (OTLP/HTTP, JSON; /v1/traces is added); empty records none."),
        SettingKey(
            "telemetry.otlp_headers", \.telemetry.otlpHeaders, .headers, password: true,
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
            "dashboard.hosts", \.dashboard.hosts, .hostNames,
            """
            Names that it may be called by, by commas, besides addresses and localhost. Under any other name it isn't \
            shown: pages elsewhere could have theirs lead here and read it.
            """),
    ]

    private static let orders = [
        SettingKey(
            "orders.writers", \.orders.writers, .integer(1...64), "Connections that append new orders, in groups."),
        SettingKey(
            "orders.queue_limit", \.orders.queueLimit, .integer(1...1_000_000),
            "Orders waiting for a writer; more are answered 503 with Retry-After."),
        SettingKey(
            "orders.pool_size", \.orders.poolSize, .integer(1...256),
            "Connections for cancellations and histories, which also bounds how many run at once."),
    ]

    private static let views = [
        SettingKey("views.pool_size", \.views.poolSize, .integer(1...256), "Connections for queries of read models."),
        SettingKey(
            "views.max_waits", \.views.waits, .integer(1...1_000_000),
            "Requests that wait for an order to change (Prefer: wait); 503 beyond."),
        SettingKey(
            "views.max_waits_per_address", \.views.waitsPerAddress, optional: .integer(1...1_000_000),
            "Of them, those of one address, 429 beyond; empty is no limit, as behind a proxy it must be."),
        SettingKey(
            "views.max_streams", \.views.streams, .integer(1...1_000_000),
            "Open streams of GET /orders/{id}/stream; 503 beyond."),
        SettingKey(
            "views.max_streams_per_address", \.views.streamsPerAddress, optional: .integer(1...1_000_000),
            "Of them, those of one address, 429 beyond; empty is no limit, as behind a proxy it must be."),
        SettingKey(
            "views.check_interval", \.views.checkInterval, .duration(.zero ... .seconds(3600)),
            "How often one of the API's processes compares read models with the event store; 0s never does."),
        SettingKey(
            "views.check_orders", \.views.checkOrders, .integer(0...10_000),
            "Orders it looks at each time, besides those that changed last, on its way through all of them."),
    ]

    private static let mail = [
        SettingKey("mail.directory", \.mail.directory, .path, "Where mails are written while smtp.url is empty."),
        SettingKey("mail.from", \.mail.from, .mailAddress, "The sender of mails to customers."),
        SettingKey(
            "mail.recipient_domain", \.mail.recipientDomain, .domain,
            "A customer whose order has no address gets mail at userId@ this domain."),
        SettingKey(
            "smtp.url", \.smtp.url, optional: .url("smtp", "smtps", example: "smtps://user:password@mail.example:465"),
            secret: true, "The mail server; empty writes mails to mail.directory."),
    ]

    private static let inventory = [
        SettingKey(
            "inventory.unknown_sku", \.inventory.unknownSKU, .choice,
            "An article nobody has set a stock for: as many as asked for, or refused.")
    ]

    private static let payment = [
        SettingKey("payment.gateway", \.payment.gateway, .choice, "The simulated gateway charges nobody."),
        SettingKey(
            "payment.gateway_url", \.payment.gatewayURL,
            optional: .url("http", "https", example: "https://pay.example/v1"),
            secret: true, "Needed by payment.gateway http."),
        SettingKey(
            "payment.gateway_token", \.payment.gatewayToken, optional: .bearerToken, password: true,
            "Sent to payment.gateway http as Authorization: Bearer. Not taken from the command line."),
        SettingKey(
            "payment.concurrency", \.payment.concurrency, .integer(1...256),
            "Calls of the gateway at once; what hangs holds up no more than these."),
        SettingKey(
            "payment.retry_cap", \.payment.retryCap, .duration(.milliseconds(100) ... .seconds(3600)),
            "Longest pause between tries of a call; the pauses double up to it."),
        SettingKey(
            "payment.timeout", \.payment.timeout, .duration(.milliseconds(10) ... .seconds(300)),
            "For one call of the gateway; it is asked again later what became of it."),
        SettingKey(
            "payment.simulator.latency", \.payment.simulatorLatency, .duration(.zero ... .seconds(300)),
            "How long the simulated gateway takes."),
        SettingKey(
            "payment.simulator.failure_rate", \.payment.simulatorFailureRate, .ratio,
            "How many of its calls end without an answer."),
    ]

    private static let saga = [
        SettingKey(
            "saga.mode", \.saga.mode, .choice,
            """
            orchestration: the saga role commands each step. choreography: the services react to each other, and the \
            saga role only keeps track. The same for all roles; change it when no order is under way.
            """),
        SettingKey(
            "saga.url", \.saga.url, optional: .url("http", "https", example: "http://saga.internal:3007"),
            "Where the API asks the saga role for GET /orders/{id}/saga; empty is its port on this machine."),
        SettingKey(
            "saga.stock_deadline", \.saga.stockDeadline, sagaTime,
            "Without a word from inventory for this long, an order is undone and cancelled."),
        SettingKey("saga.payment_deadline", \.saga.paymentDeadline, sagaTime, "The same for payment."),
        SettingKey(
            "saga.shipment_deadline", \.saga.shipmentDeadline, sagaTime,
            "The same for shipping, counted from the order's start."),
        SettingKey(
            "saga.answer_within", \.saga.retry.answerWithin, sagaTime,
            """
            What has to succeed in the end (compensations, the confirmation, the cancellation) is asked again after \
            this long without an answer; twice as long each time.
            """),
        SettingKey(
            "saga.retry_base", \.saga.retry.base, sagaTime,
            "A refused compensation is asked again after this long; twice as long each time."),
        SettingKey("saga.retry_cap", \.saga.retry.cap, sagaTime, "The longest of these waits."),
        SettingKey(
            "saga.attention_after", \.saga.retry.attentionAfter, .integer(1...1000),
            "Refusals, or commands unanswered in a row, after which `orderflow sagas list --attention` has the order."),
    ]
    private static let sagaTime = SettingFormat.duration(.milliseconds(10) ... .seconds(7 * 86_400))

    private static let topics = [
        SettingKey(
            "topics.partitions", \.topics.partitions, .integer(1...10_000),
            "Partitions of a new topic. More later would break the order of events per order."),
        SettingKey(
            "topics.replication", \.topics.replication, .integer(1...100),
            "Copies of each partition; 3 in production, with min.insync.replicas 2 on the brokers."),
        SettingKey("topics.order_events", \.topics.names.orderEvents, .topic, "Facts about orders."),
        SettingKey("topics.user_events", \.topics.names.userEvents, .topic, "Facts about users and accounts."),
        SettingKey("topics.payment_commands", \.topics.names.paymentCommands, .topic, "From the saga to payment."),
        SettingKey(
            "topics.inventory_commands", \.topics.names.inventoryCommands, .topic, "From the saga to inventory."),
        SettingKey(
            "topics.order_commands", \.topics.names.orderCommands, .topic, "From the saga to the order service."),
        SettingKey("topics.logs", \.topics.names.logs, .topic, "Log lines, where log.ship_level says so."),
        SettingKey(
            "topics.logs_retention", \.topics.logsRetention, .duration(.seconds(10) ... .seconds(3650 * 86_400)),
            "How long the brokers keep log lines; of a topic made from now on."),
    ]

    private static let shutdown = [
        SettingKey(
            "shutdown.deadline", \.shutdown.deadline, .duration(.milliseconds(100) ... .seconds(600)),
            "For work in hand after SIGTERM or Ctrl-C; what isn't done by then is cut off and done after the restart.")
    ]

    private static let serviceDatabases = ServiceDatabase.allCases.map { service in
        SettingKey(
            "\(service.rawValue).database.url", \.serviceDatabaseURL[service], optional: .databaseURL,
            secret: true, "The database of \(service.rawValue); empty derives it from database.url.")
    }

    private static let rolePorts = Role.allCases.map { role in
        SettingKey(
            "\(role.rawValue).http.port", \.rolePort[role], optional: .port,
            "The port of `orderflow \(role.rawValue)`; empty is http.port"
                + (role.portOffset == 0 ? "." : " + \(role.portOffset)."))
    }
}
