import Telemetry

extension KafkaStatistics {
    /// What is true of any client, producer or consumer.
    package func report(client: String, to scrape: inout Scrape) {
        let labels = [("client", client)]
        scrape.counter("orderflow_kafka_sent_messages_total", labels, value: Int(sentMessages))
        scrape.counter("orderflow_kafka_sent_bytes_total", labels, value: Int(sentBytes))
        scrape.counter("orderflow_kafka_received_messages_total", labels, value: Int(receivedMessages))
        scrape.counter("orderflow_kafka_received_bytes_total", labels, value: Int(receivedBytes))
        scrape.gauge("orderflow_kafka_queued_messages", labels, value: Int(queuedMessages))
        scrape.gauge("orderflow_kafka_queued_bytes", labels, value: Int(queuedBytes))
        scrape.gauge("orderflow_kafka_reply_queue_depth", labels, value: Int(replyQueue))
        for broker in brokers where broker.nodeID >= 0 {
            let labels = labels + [("broker", broker.name)]
            // INIT: this client has had nothing to ask this broker, so it doesn't know (sparse connections).
            if broker.state != "INIT" {
                scrape.gauge("orderflow_kafka_broker_up", labels, value: broker.state == "UP" ? 1 : 0)
            }
            scrape.gauge("orderflow_kafka_requests_in_flight", labels, value: Int(broker.requestsInFlight))
            scrape.counter("orderflow_kafka_send_errors_total", labels, value: Int(broker.sendErrors))
            scrape.counter("orderflow_kafka_receive_errors_total", labels, value: Int(broker.receiveErrors))
            scrape.counter("orderflow_kafka_request_retries_total", labels, value: Int(broker.retries))
            scrape.counter("orderflow_kafka_request_timeouts_total", labels, value: Int(broker.timeouts))
            scrape.counter("orderflow_kafka_disconnects_total", labels, value: Int(broker.disconnects))
            for (name, value) in [("avg", broker.roundTrip.average), ("p99", broker.roundTrip.p99)] {
                scrape.gauge(
                    "orderflow_kafka_round_trip_seconds", labels + [("stat", name)], value: Double(value) / 1e6)
            }
            scrape.gauge(
                "orderflow_kafka_throttle_seconds", labels, value: Double(broker.throttle.average) / 1e3)
        }
    }
}
