extension InboundMessage {
    /// A stored event as a consumer hears of it, but for where its record lies.
    ///
    /// - Throws: where its metadata or its content can't be read.
    package init(_ event: StoredEvent) throws {
        let metadata = try event.metadata.withUnsafeBytes { try EventMetadata(json: $0) }
        self.init(
            id: metadata.id, type: event.type, schemaVersion: event.schemaVersion, payload: try event.json(),
            key: event.streamID, tenant: event.tenant, correlationID: metadata.correlationID,
            traceparent: metadata.traceparent, time: metadata.time, streamVersion: event.version,
            source: Source(topic: "", partition: 0, offset: event.position), origin: metadata.source,
            priority: metadata.priority)
    }
}
