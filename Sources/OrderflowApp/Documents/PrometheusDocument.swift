import OrderflowKit

/// `config/prometheus.yml`, for the containers of `docker-compose.yml`.
struct PrometheusDocument {
    let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    var text: String {
        ProgramDocument.notice("prometheus") + """
            # Prometheus beside the services of docker-compose: every role serves /metrics on port \(ComposeDocument.port) of its container.
            global:
              scrape_interval: 15s
              evaluation_interval: 15s

            rule_files:
              - alerts.yml

            scrape_configs:
              - job_name: orderflow
                # A service's name resolves to all of its containers, so scaling a role needs no change here.
                dns_sd_configs:
                  - names: [\(services.names.joined(separator: ", "))]
                    type: A
                    port: \(ComposeDocument.port)
                    refresh_interval: 15s
                relabel_configs:
                  - source_labels: [__meta_dns_name]
                    target_label: role

            """
    }
}
