/// Payloads as the event store and the outbox keep them: JSON in one column, the bytes of any other content type, with
/// its name, in two more.
struct PayloadColumns {
    private(set) var json: [[UInt8]?] = []
    private(set) var contentTypes: [String?] = []
    private(set) var raw: [[UInt8]?] = []

    init(_ payloads: some Sequence<(payload: [UInt8], contentType: ContentType)>) {
        for (payload, contentType) in payloads {
            json.append(contentType.isJSON ? payload : nil)
            contentTypes.append(contentType.name)
            raw.append(contentType.isJSON ? nil : payload)
        }
    }
}
