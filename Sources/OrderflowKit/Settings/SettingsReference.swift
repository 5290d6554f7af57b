/// The table of settings as text.
package struct SettingsReference {
    private let keys: [SettingKey]

    package init(_ services: ServiceCatalogue) { keys = services.settings.keys }

    /// `config/orderflow.yaml`: every setting with its explanation and default.
    package var yaml: String {
        var out = """
            # orderflow's settings, each with its default. Environment variables (http.port is ORDERFLOW_HTTP_PORT) and
            # flags (--set http.port=8080) come over what is here; `orderflow config` shows what is in force and why.
            # Durations have a unit: 250ms, 30s, 5m. Sizes too: 64KiB, 1MiB. Empty means: something else decides.

            """
        var open: [String] = []
        for key in keys {
            let path = key.name.split(separator: ".").map(String.init)
            let section = Array(path.dropLast())
            let common = zip(open, section).prefix { $0 == $1 }.count
            for depth in common..<section.count {
                if depth == 0 { out += "\n" }
                out += Self.indent(depth) + section[depth] + ":\n"
            }
            if section.isEmpty { out += "\n" }
            open = section
            let depth = section.count
            for line in Self.wrap(key.help + Self.note(key), width: 116 - 2 * depth) {
                out += Self.indent(depth) + "# " + line + "\n"
            }
            let text = key.defaultText
            out += Self.indent(depth) + path[depth] + ":" + (text.isEmpty ? "" : " " + Self.quoted(text)) + "\n"
            if key.name == lastKafkaKey { out += Self.kafkaPropertiesNote }
        }
        return out + Self.routesNote
    }

    /// `orderflow config --reference`.
    package var text: String {
        keys.map { key in
            let text = key.defaultText
            let head = "\(key.name)   \(key.environmentName)   default \(text.isEmpty ? "empty" : text)"
            return ([head] + Self.wrap(key.help + " Must be " + key.expected + ".", width: 96).map { "    " + $0 })
                .joined(separator: "\n")
        }.joined(separator: "\n\n") + """


            kafka.properties.<property>   ORDERFLOW_KAFKA_PROPERTIES_<PROPERTY>   default empty
                Any property of librdkafka, handed on as it is. In the variable, underscores are the dots:
                ORDERFLOW_KAFKA_PROPERTIES_SECURITY_PROTOCOL is kafka.properties.security.protocol.

            routes.<name>   ORDERFLOW_ROUTES_<NAME>   default empty
                Copies facts to a further topic, each once and in order per key: topic=PATTERN, direct=KEY/KEY or
                fanout, then to=TOPIC. Names have small letters, digits and hyphens; see `orderflow routes --help`.
            """
    }

    private var lastKafkaKey: String? { keys.last { $0.name.hasPrefix("kafka.") }?.name }

    private static let kafkaPropertiesNote = """
          # Any property of librdkafka, handed on as it is; for a cluster with TLS and passwords:
          #   security.protocol: SASL_SSL
          #   sasl.mechanism: SCRAM-SHA-512
          #   sasl.username: orderflow
          # and the password from the environment: ORDERFLOW_KAFKA_PROPERTIES_SASL_PASSWORD.
          properties:

        """

    private static let routesNote = """

        # Facts that are copied to further topics, such as a partner's: each once, in order per key, by the relay that
        # publishes them. A routing key is the tenant and the type's words, acme.order.created; in a pattern, * is one word
        # and # any number. from, tenant, type, source, key and /members of the payload narrow a route further;
        # `orderflow routes test` shows what goes where. `orderflow topics create` makes the topics.
        #   partner-acme: "topic=acme.order.# to=partner-acme tenant=acme"
        #   euro-orders: "fanout to=euro-orders type=OrderCreated/OrderConfirmed /currency=EUR"
        routes:

        """

    /// The words to choose from, or the bounds, where the explanation doesn't name them.
    private static func note(_ key: SettingKey) -> String {
        key.expected.hasPrefix("one of")
            ? " " + key.expected.prefix(1).uppercased() + key.expected.dropFirst() + "." : ""
    }

    private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// As it is where YAML reads it back as the same text.
    private static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:@+".contains($0)) }
        return plain && !text.hasSuffix(":") ? text : "\"" + text.replacing("\"", with: "\\\"") + "\""
    }

    package static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
