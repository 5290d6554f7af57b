/// What `/metrics` says each metric means.
enum MetricHelp {
    static let all: [String: String] = [
        "orderflow_build_info": "Always 1; the labels say what runs.",
        "orderflow_ready": "1 while the process answers /readyz with 200.",
        "orderflow_health_check": "1 while this part of the process can do its work.",

        "orderflow_http_requests_total": "Answered requests by route template, method and status.",
        "orderflow_http_request_duration_seconds": "From the end of a request's head to its answer.",
        "orderflow_http_request_bytes_total": "Bytes of requests.",
        "orderflow_http_response_bytes_total": "Bytes of answers.",
        "orderflow_http_connections_total": "Accepted connections.",
        "orderflow_http_open_connections": "Connections open now.",
        "orderflow_http_refused_connections_total": "Connections turned away, and why.",

        "orderflow_eventstore_appends_total": "Requests to append to a stream, by outcome.",
        "orderflow_eventstore_batch_size": "Requests in one group commit.",
        "orderflow_relay_published_total": "Records acknowledged by the brokers.",
        "orderflow_relay_delay_seconds": "Age of the oldest event of a page when its last record was acknowledged.",
        "orderflow_relay_page_size": "Records published at once.",

        "orderflow_consumer_messages_total": "Records by what became of them.",
        "orderflow_consumer_retries_total": "Transactions that failed and were tried again.",
        "orderflow_consumer_batch_size": "Records taken at once.",
        "orderflow_consumer_transaction_seconds": "One batch's transaction, from its begin to its commit.",

        "orderflow_mails_total": "Mails by what became of them.",
    ]
}
