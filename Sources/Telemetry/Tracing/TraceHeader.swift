import Instrumentation

/// `traceparent` alone, as the carrier of a trace between processes: what HTTP and Kafka headers and our tables hold.
struct TraceHeader: Extractor, Injector {
    static let name = "traceparent"

    func extract(key: String, from carrier: String?) -> String? { key == Self.name ? carrier : nil }

    func inject(_ value: String, forKey key: String, into carrier: inout String?) {
        if key == Self.name { carrier = value }
    }
}
