import Telemetry

/// What `/metrics` says each metric means.
package enum MetricHelp {
    /// All there are in a program, which the dashboard and the alerts are checked against.
    package static func all(_ services: ServiceCatalogue) -> [String: String] {
        services.modules.reduce(into: common) { all, module in all.merge(module.metricHelp) { first, _ in first } }
    }

    /// Of every process.
    static let common: [String: String] = [
        general, http, access, eventStore, relay, consumer, requests, dependencies, kafka, telemetry,
        ProcessMetrics.help,
        PrometheusMetrics.help,
    ].reduce(into: [:]) { all, part in all.merge(part) { first, _ in first } }

    private static let general = [
        "orderflow_build_info": "Always 1; the labels say what runs.",
        "orderflow_ready": "1 while the process answers /readyz with 200.",
        "orderflow_database_long_transaction_seconds":
            "Age of a transaction that has been left open for minutes, and what it holds; none while there is none.",
        "orderflow_health_check": "1 while this part of the process can do its work.",
    ]

    private static let http = [
        "orderflow_http_requests_total": "Answered requests by route template, method and status.",
        "orderflow_http_request_duration_seconds": "From the end of a request's head to its answer.",
        "orderflow_http_request_bytes_total": "Bytes of requests.",
        "orderflow_http_response_bytes_total": "Bytes of answers.",
        "orderflow_http_connections_total": "Accepted connections.",
        "orderflow_http_open_connections": "Connections open now.",
        "orderflow_http_unsent_bytes": "Memory that holds answers and events which clients haven't taken.",
        "orderflow_http_refused_connections_total": "Connections turned away, and why.",
        "orderflow_limit_requests_per_second":
            "Requests that one caller or one tenant may make of this process, by limit; only where limited.",
        "orderflow_limit_burst_requests": "Of them at once.",
        "orderflow_limit_refused_requests_total": "Requests answered 429 for their caller's or their tenant's quota.",
    ]

    private static let access = [
        "orderflow_auth_refused_requests_total": "Requests refused for who sent them or what they may do, by reason.",
        "orderflow_auth_api_keys": "API keys in force that the process knows.",
    ]

    private static let eventStore = [
        "orderflow_eventstore_appends_total": "Requests to append to a stream, by outcome.",
        "orderflow_eventstore_batch_size": "Requests in one group commit.",
        "orderflow_eventstore_commit_seconds": "One group commit, statement and commit.",
        "orderflow_eventstore_queue_depth": "Requests that wait for a writer.",
        "orderflow_eventstore_queue_limit": "Requests that may wait; more are refused.",
    ]

    private static let relay = [
        "orderflow_relay_published_total": "Records acknowledged by the brokers.",
        "orderflow_route_copies_total": "Copies of facts acknowledged by the brokers, by the route that they went.",
        "orderflow_relay_encoded_total":
            "Payloads whose topic has another format than JSON, and whether they were encoded or had to stay JSON.",
        "orderflow_relay_delay_seconds": "Age of the oldest event of a page when its last record was acknowledged.",
        "orderflow_relay_page_size": "Records published at once.",
        "orderflow_relay_leading": "1 while this process publishes; one process of a service does.",
        "orderflow_relay_fallen_back":
            "1 while this process publishes by windows though relay.source is wal; only where it is.",
        "orderflow_relay_slot_lag_bytes":
            "Bytes of PostgreSQL's log kept for a relay's slot, by its wal_status; only where relay.source is wal.",
        "orderflow_relay_held_up": "1 while an error keeps the relay from publishing.",
        "orderflow_relay_lag_seconds": "Age of the oldest event that is read but not acknowledged; 0 with none.",
        "orderflow_relay_backlog_rows": "Committed rows that are not published, counted up to 100000.",
        "orderflow_schedule_waiting": "Messages that wait for their time; from 10000 on an estimate.",
        "orderflow_schedule_late": "Those of them that were due more than a second ago, counted up to 100000.",
        "orderflow_schedule_oldest_late_seconds": "How late the first of them is; 0 with none.",
        "orderflow_schedule_delivered_total": "Messages whose time had come, handed to the relay.",
        "orderflow_schedule_late_seconds": "How late the first of a batch of them was.",
        "orderflow_schedule_cancelled_total": "Messages that were cancelled before their time.",
    ]

    private static let consumer = [
        "orderflow_consumer_messages_total": "Records by what became of them.",
        "orderflow_consumer_retries_total": "Transactions that failed and were tried again.",
        "orderflow_consumer_setbacks_total":
            "Partitions that had lost what the group read (lost), or what it had yet to read (expired).",
        "orderflow_consumer_redeliveries_total": "Dead letters that were handled again, by outcome.",
        "orderflow_consumer_batch_size": "Records taken at once.",
        "orderflow_consumer_transaction_seconds": "One batch's transaction, from its begin to its commit.",
        "orderflow_consumer_handler_seconds": "The handler's share of a transaction.",
        "orderflow_consumer_lag_messages": "Records between a partition's committed offset and its end.",
        "orderflow_consumer_assigned_partitions": "Partitions that this member has.",
        "orderflow_consumer_ownerless_partitions":
            "Partitions of the group's topics that lastingly belong to none of its members, as this one sees it.",
        "orderflow_consumer_held_up": "1 while an error keeps the group's member from going on.",
        "orderflow_consumer_buffered_messages": "Records fetched and not yet taken by the handler.",
        "orderflow_consumer_buffered_bytes": "Their size.",
        "orderflow_consumer_rebalances_total": "Assignments and revocations.",
        "orderflow_consumer_open_letters": "Letters that wait: dead for an operator, parked behind a dead one.",
        "orderflow_consumer_parked_keys": "Keys whose messages are held back behind a dead letter.",
    ]

    private static let requests = [
        "orderflow_requests_total": "Requests to other services over Kafka, by what became of them.",
        "orderflow_request_seconds": "From a request to its answer.",
        "orderflow_request_replies_dropped_total":
            "Answers that nobody waited for any more (late), or of the wrong tenant or source (unbelieved).",
        "orderflow_requests_in_flight": "Requests that wait for their answers.",
        "orderflow_requests_in_flight_limit": "Requests that may wait; more are refused.",
        "orderflow_responder_requests_total": "Requests of other services by what became of them.",
    ]

    private static let dependencies = [
        "orderflow_pool_size": "Connections that a pool may have.",
        "orderflow_pool_connected": "Connections that it has.",
        "orderflow_pool_in_use": "Connections at work.",
        "orderflow_pool_queue_depth": "Pieces of work that wait for a connection.",
        "orderflow_pool_queue_limit": "Pieces of work that may wait; more are refused.",
        "orderflow_pool_completed_total": "Pieces of work done.",
        "orderflow_pool_refused_total": "Pieces of work refused by the full queue.",
        "orderflow_pool_expired_total": "Pieces of work given up after waiting too long.",
        "orderflow_pool_connects_total": "Connections made.",
        "orderflow_circuit_breaker_state": "1 for the state that a circuit breaker is in.",
        "orderflow_schemas_without_id": "Schemas that the registry has given no id yet; their messages go out as JSON.",
    ]

    private static let telemetry = [
        "orderflow_trace_spans_total": "Spans that went to the collector, by outcome.",
        "orderflow_trace_dropped_spans_total": "Spans that found the queue to the collector full.",
        "orderflow_trace_queue_depth": "Spans that wait for their export.",
        "orderflow_log_lines_total": "Log lines on their way to their topic, by outcome.",
        "orderflow_log_dropped_lines_total": "Log lines that found the queue to their topic full.",
        "orderflow_log_queue_depth": "Log lines that wait to be shipped.",
    ]

    /// From librdkafka's statistics, some seconds old.
    private static let kafka = [
        "orderflow_kafka_sent_messages_total": "Records sent to brokers (txmsgs).",
        "orderflow_kafka_sent_bytes_total": "Their bytes (txmsg_bytes).",
        "orderflow_kafka_received_messages_total": "Records received from brokers (rxmsgs).",
        "orderflow_kafka_received_bytes_total": "Their bytes (rxmsg_bytes).",
        "orderflow_kafka_queued_messages": "Records that wait in a producer, or for their acknowledgement (msg_cnt).",
        "orderflow_kafka_queued_bytes": "Their bytes (msg_size).",
        "orderflow_kafka_reply_queue_depth": "Callbacks that wait to be served (replyq).",
        "orderflow_kafka_broker_up": "1 while there is a connection to the broker.",
        "orderflow_kafka_requests_in_flight": "Requests that wait for the broker's answer (waitresp_cnt).",
        "orderflow_kafka_send_errors_total": "Requests that couldn't be sent (txerrs).",
        "orderflow_kafka_receive_errors_total": "Answers that couldn't be read (rxerrs).",
        "orderflow_kafka_request_retries_total": "Requests sent again (txretries).",
        "orderflow_kafka_request_timeouts_total": "Requests without an answer in time (req_timeouts).",
        "orderflow_kafka_disconnects_total": "Connections lost (disconnects).",
        "orderflow_kafka_round_trip_seconds": "A request's way to the broker and back, in the last interval (rtt).",
        "orderflow_kafka_throttle_seconds": "What the broker's quotas made requests wait, on average (throttle).",
    ]
}
