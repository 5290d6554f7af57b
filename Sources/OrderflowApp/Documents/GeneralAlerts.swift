import OrderflowKit

/// What a person should look at in every program, whatever its services: those of one service are in its module.
///
/// Several processes of a role say the same about their database (backlogs, open letters, sagas): hence `max by`, not
/// `sum by`.
enum GeneralAlerts {
    struct Group {
        let name: String
        let alerts: [Alert]
    }

    static func groups(_ services: ServiceCatalogue) -> [Group] {
        [up(services), http, pools, relay, consumers, dependencies, process]
    }

    private static func up(_ services: ServiceCatalogue) -> Group {
        let missing = services.modules.filter { !$0.duties.contains(.onRequest) }
            .map { #"absent(up{job="orderflow", role="\#($0.name)"} == 1)"# }
        return Group(
            name: "up",
            alerts: [
                Alert(
                    "OrderflowRoleMissing", missing.joined(separator: "\nor "), for: "1m", .page,
                    "No {{ $labels.role }} process answers",
                    "Nothing is lost, what it does waits. Its log says why it ended."),
                Alert(
                    "OrderflowNotReady", "min by (role, instance) (orderflow_ready) == 0", for: "2m", .page,
                    "{{ $labels.role }} at {{ $labels.instance }} is not ready",
                    "/readyz and orderflow_health_check name the part and the reason."),
                Alert(
                    "OrderflowRestarting", #"changes(process_start_time_seconds{job="orderflow"}[15m]) > 3"#, .ticket,
                    "{{ $labels.role }} at {{ $labels.instance }} keeps restarting"),
            ])
    }

    private static let http = Group(
        name: "http",
        alerts: [
            Alert(
                "OrderflowHTTPErrors",
                #"""
                sum by (role) (rate(orderflow_http_requests_total{status=~"5.."}[5m]))
                / sum by (role) (rate(orderflow_http_requests_total[5m])) > 0.01
                """#,
                for: "5m", .page, "{{ $value | humanizePercentage }} of {{ $labels.role }}'s answers are errors"),
            Alert(
                "OrderflowHTTPSlow",
                #"""
                histogram_quantile(0.99,
                  sum by (role, le) (rate(orderflow_http_request_duration_seconds_bucket{route!~".*/stream|/metrics"}[5m]))
                ) > 0.5
                """#,
                for: "10m", .ticket,
                "1 % of {{ $labels.role }}'s requests take longer than {{ $value | humanizeDuration }}"),
            Alert(
                "OrderflowConnectionsRefused",
                "sum by (role, reason) (rate(orderflow_http_refused_connections_total[5m])) > 0", for: "5m", .ticket,
                "{{ $labels.role }} turns connections away: {{ $labels.reason }}"),
        ])

    private static let pools = Group(
        name: "pools",
        alerts: [
            Alert(
                "OrderflowPoolRefuses",
                """
                sum by (role, pool) (rate(orderflow_pool_refused_total[5m]) + rate(orderflow_pool_expired_total[5m])) > 0
                """,
                for: "2m", .ticket,
                "{{ $labels.role }}'s pool {{ $labels.pool }} has more work than its connections do")
        ])

    private static let relay = Group(
        name: "relay",
        alerts: [
            Alert(
                "OrderflowRelayWithoutLeader", "max by (service, source) (orderflow_relay_leading) == 0", for: "1m",
                .page, "Nobody publishes {{ $labels.source }} of {{ $labels.service }}"),
            Alert(
                "OrderflowRelayLate", "max by (service, source) (orderflow_relay_lag_seconds) > 30", for: "1m", .page,
                "{{ $labels.service }}'s {{ $labels.source }} wait {{ $value | humanizeDuration }} for Kafka"),
            Alert(
                "OrderflowRelayBacklog", "max by (service, source) (orderflow_relay_backlog_rows) > 10000", for: "5m",
                .ticket, "{{ $value }} rows of {{ $labels.service }}'s {{ $labels.source }} are not published"),
            Alert(
                "OrderflowRelayFellBack", "max by (service, source) (orderflow_relay_fallen_back) == 1", for: "5m",
                .ticket, "The relay of {{ $labels.service }}'s {{ $labels.source }} reads by windows and not the log",
                "Nothing is lost or late by more than a second. /readyz and `orderflow status` say why."),
            Alert(
                "OrderflowRelaySlotBehind",
                #"""
                max by (service, source) (orderflow_relay_slot_lag_bytes) > 1e9
                or max by (service, source) (orderflow_relay_slot_lag_bytes{status=~"unreserved|lost"}) > 0
                """#,
                for: "5m", .ticket,
                "PostgreSQL keeps {{ $value | humanize1024 }}B of its log for {{ $labels.service }}'s {{ $labels.source }}",
                "Nobody reads the slot, or a transaction that has written is open for long: `orderflow status` names it."
            ),
            Alert(
                "OrderflowScheduleLate", "max by (service) (orderflow_schedule_oldest_late_seconds) > 30", for: "1m",
                .page, "{{ $labels.service }}'s messages are {{ $value | humanizeDuration }} behind their time",
                "The relay that leads moves them. See `orderflow schedule list --due-within 0s`."),
        ])

    private static let consumers = Group(
        name: "consumers",
        alerts: [
            Alert(
                "OrderflowConsumerHeldUp", "max by (group, instance) (orderflow_consumer_held_up) == 1", for: "2m",
                .page, "{{ $labels.group }} waits for its database at {{ $labels.instance }}"),
            Alert(
                "OrderflowPartitionsWithoutOwner", "max by (group) (orderflow_consumer_ownerless_partitions) > 0",
                for: "1m", .page,
                "{{ $value }} partitions of {{ $labels.group }} belong to nobody: their orders stand still",
                "The group's members make it share them out again. /readyz and `orderflow status` name them."),
            Alert(
                "OrderflowConsumerLag", "sum by (group, topic) (orderflow_consumer_lag_messages) > 10000", for: "10m",
                .ticket, "{{ $labels.group }} is {{ $value }} messages behind on {{ $labels.topic }}"),
            Alert(
                "OrderflowConsumerStuck",
                """
                sum by (group) (orderflow_consumer_lag_messages) > 0
                and sum by (group) (rate(orderflow_consumer_messages_total[5m])) == 0
                """,
                for: "5m", .page, "{{ $labels.group }} has messages waiting and handles none"),
            Alert(
                "OrderflowTopicLostRecords",
                "sum by (group, reason) (increase(orderflow_consumer_setbacks_total[1h])) > 0", .page,
                "{{ $labels.group }}: a topic doesn't hold what it should ({{ $labels.reason }})"),
            Alert(
                "OrderflowDeadLetters", #"max by (group) (orderflow_consumer_open_letters{status="dead"}) > 0"#,
                .ticket, "{{ $labels.group }} has {{ $value }} dead letters",
                "Later messages of these keys wait behind them. See `orderflow deadletters list`."),
            Alert(
                "OrderflowKeysParked", "max by (group) (orderflow_consumer_parked_keys) > 100", for: "5m", .page,
                "{{ $value }} orders stand still in {{ $labels.group }}: something is wrong with more than a message"),
        ])

    private static let dependencies = Group(
        name: "dependencies",
        alerts: [
            Alert(
                "OrderflowCircuitOpen", #"max by (name) (orderflow_circuit_breaker_state{state="open"}) == 1"#,
                for: "2m", .ticket, "The circuit to {{ $labels.name }} is open"),
            Alert(
                "OrderflowSchemasWithoutID", "max(orderflow_schemas_without_id) > 0", for: "10m", .ticket,
                "{{ $value }} schemas have no id: their messages go out as JSON",
                "The registry is away, or refuses them. /readyz and the log (`schema_refused`) say which."),
            Alert(
                "OrderflowLongTransaction",
                "max by (database, process, holds) (orderflow_database_long_transaction_seconds) > 900", .ticket,
                "Process {{ $labels.process }} in database {{ $labels.database }} has had a transaction open for "
                    + "{{ $value | humanizeDuration }}",
                "Nothing waits for it to be published, but PostgreSQL keeps deleted rows (holds=rows) or its log "
                    + "(holds=log) until it ends. pg_stat_activity has the process."),
            Alert(
                "OrderflowKafkaBrokerDown", "max by (broker) (orderflow_kafka_broker_up) == 0", for: "2m", .page,
                "Nobody reaches the broker {{ $labels.broker }}"),
            Alert(
                "OrderflowKafkaTimeouts",
                "sum by (client, broker) (rate(orderflow_kafka_request_timeouts_total[5m])) > 0", for: "5m", .ticket,
                "{{ $labels.client }}'s requests to {{ $labels.broker }} time out"),
        ])

    private static let process = Group(
        name: "process",
        alerts: [
            Alert(
                "OrderflowFileDescriptors",
                #"process_open_fds{job="orderflow"} / process_max_fds{job="orderflow"} > 0.8"#, for: "5m", .ticket,
                "{{ $labels.role }} at {{ $labels.instance }} runs out of file descriptors"),
            Alert(
                "OrderflowTracesLost",
                #"""
                sum by (role) (rate(orderflow_trace_dropped_spans_total[5m])) > 0
                or sum by (role) (rate(orderflow_trace_spans_total{outcome!="exported"}[5m])) > 0
                """#,
                for: "10m", .ticket, "{{ $labels.role }} loses spans of traces; orders don't notice"),
            Alert(
                "OrderflowLogLinesLost",
                #"""
                sum by (role) (rate(orderflow_log_dropped_lines_total[5m])) > 0
                or sum by (role) (rate(orderflow_log_lines_total{outcome="lost"}[5m])) > 0
                """#,
                for: "10m", .ticket, "{{ $labels.role }}'s log lines don't all get to their topic; stderr has them"),
            Alert(
                "OrderflowMetricsIncomplete",
                """
                increase(telemetry_overflowed_series_total[1h]) > 0
                or increase(telemetry_conflicting_metrics_total[1h]) > 0
                """,
                .ticket, "{{ $labels.role }} has more series than its metrics allow, or two metrics of one name"),
        ])
}
