import OrderflowKit

/// The settings that all roles share. What holds a password is in Secrets, which no file of ours makes.
struct ConfigurationManifest {
    private let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    var text: String {
        """
        # Change these by an overlay, as docs/operations.md has it. What holds passwords is in Secrets:
        #   orderflow           ORDERFLOW_DATABASE_URL with the daemons' password, ORDERFLOW_AUTH_SERVICE_KEY, and whatever
        #                       else all roles need
        #   orderflow-<role>    optional: settings of one role
        #   orderflow-prepare   ORDERFLOW_DATABASE_ADMIN_URL, which no daemon gets: the job makes databases and roles by it
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: orderflow
          labels: {app.kubernetes.io/name: orderflow}
        data:
          ORDERFLOW_KAFKA_BROKERS: kafka:9092
          # With min.insync.replicas 2 on the brokers.
          ORDERFLOW_TOPICS_REPLICATION: "3"
          ORDERFLOW_HTTP_HOST: 0.0.0.0
          # Callers bring a token (ORDERFLOW_AUTH_JWKS_URL, …) or an API key; Prometheus too, with the scope operate.
          ORDERFLOW_AUTH_MODE: required
          ORDERFLOW_LOG_FORMAT: json
          # The collector in each pod.
          ORDERFLOW_TELEMETRY_OTLP_ENDPOINT: http://127.0.0.1:\(CollectorManifest.port)
          ORDERFLOW_TELEMETRY_SAMPLE_RATIO: "0.01"

        """ + YAMLText.indented(addresses + ports, by: 2)
    }

    private var addresses: String {
        "# Where roles find each other, and by which names; an Ingress's host joins ORDERFLOW_HTTP_ALLOWED_HOSTS.\n"
            + RoleAddresses(services)
            .environment(port: KubernetesDocument.port) { KubernetesDocument.name(of: $0) }
            .map { "\($0.name): \(YAMLText.scalar($0.value))\n" }.joined()
    }

    private var ports: String {
        "# Every pod has its own address: one port for all of them.\n"
            + services.modules.map { module in
                "\(SettingKey.environmentName(of: "\(module.name).http.port")): \"\(KubernetesDocument.port)\"\n"
            }.joined()
    }
}
