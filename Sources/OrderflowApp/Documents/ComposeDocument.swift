import OrderflowKit

/// The roles' part of `docker-compose.yml`. Servers, dashboards and what they need are written by hand around it.
struct ComposeDocument {
    /// Every container has its own address: one port for all of them.
    static let port = 3000
    private let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    var regions: MarkedRegions {
        MarkedRegions(
            frame: frame, regions: [("environment", environment), ("roles", roles)])
    }

    /// Where roles find each other, and on which port they are found.
    private var environment: String {
        RoleAddresses(services).environment(port: Self.port) { $0 }
            .map { "\($0.name): \(YAMLText.scalar($0.value))\n" }.joined()
            + "# Every container has its own address: one port for all of them.\n"
            + services.modules.map { module in
                "\(SettingKey.environmentName(of: "\(module.name).http.port")): \(Self.port)\n"
            }.joined()
    }

    /// Those that answer customers can be reached from this machine.
    private var roles: String {
        services.modules.map { module in
            let ports = module.isFrontEnd ? ", ports: [\"127.0.0.1:\(Self.port + module.port):\(Self.port)\"]" : ""
            return "\(module.name): { <<: *orderflow, command: [orderflow, \(module.name)]\(ports) }\n"
        }.joined()
    }

    private var frame: String {
        """
        # One container a role. PostgreSQL (postgres) and Kafka (kafka) are yours to add.
        x-orderflow: &orderflow
          image: orderflow
          build: .
          restart: unless-stopped
          stop_grace_period: 15s # longer than shutdown.deadline
          depends_on:
            prepare: { condition: service_completed_successfully }
          environment: &settings
            # The user is replaced by the role's own. What makes the roles knows the administrator besides.
            ORDERFLOW_DATABASE_URL: postgresql://daemon:${DATABASE_PASSWORD:-orderflow-daemons}@postgres:5432/postgres
            ORDERFLOW_KAFKA_BROKERS: kafka:9092
            ORDERFLOW_HTTP_HOST: 0.0.0.0
            # open: everybody may do everything; the ports below are open to this machine alone.
            ORDERFLOW_AUTH_MODE: ${ORDERFLOW_AUTH_MODE:-open}
            ORDERFLOW_AUTH_SERVICE_KEY: ${ORDERFLOW_AUTH_SERVICE_KEY:-}
            ORDERFLOW_LOG_FORMAT: json
        \(MarkedRegions.marks("environment", indent: 4))\
          healthcheck:
            test: [CMD, curl, -fsS, http://localhost:\(Self.port)/readyz]
            interval: 5s
            timeout: 3s
            retries: 12

        services:
          # Databases, schemas and topics; ends when they are there.
          prepare:
            <<: *orderflow
            restart: "no"
            environment:
              <<: *settings
              ORDERFLOW_DATABASE_ADMIN_URL: postgresql://postgres:${POSTGRES_PASSWORD:-orderflow}@postgres:5432/postgres
            command: [sh, -c, orderflow migrate --wait 60s && orderflow topics create --wait 60s]
            healthcheck: { disable: true }
            depends_on: {}

        \(MarkedRegions.marks("roles", indent: 2))
        """
    }
}
