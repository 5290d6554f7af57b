import Glibc

/// A header of ours, told by its name's bytes where they lie: a consumer looks at a dozen of each record.
enum EventAttribute: Int, CaseIterable {
    case specVersion, id, source, type, time, subject, contentType, schemaVersion, correlationID, causationID, tenant
    case streamVersion, traceparent, signature, expiryTime

    /// Nil for a foreign header. Names are told apart by case (CloudEvents 1.0, Kafka protocol binding §3.2.2).
    init?(_ name: UnsafeRawBufferPointer) {
        guard let found = Self.byLength[min(name.count, Self.longest + 1)].first(where: { $0.isNamed(name) }) else {
            return nil
        }
        self = found
    }

    var name: String {
        switch self {
        case .specVersion: EventHeader.specVersion
        case .id: EventHeader.id
        case .source: EventHeader.source
        case .type: EventHeader.type
        case .time: EventHeader.time
        case .subject: EventHeader.subject
        case .contentType: EventHeader.contentType
        case .schemaVersion: EventHeader.schemaVersion
        case .correlationID: EventHeader.correlationID
        case .causationID: EventHeader.causationID
        case .tenant: EventHeader.tenant
        case .streamVersion: EventHeader.streamVersion
        case .traceparent: EventHeader.traceparent
        case .signature: EventHeader.signature
        case .expiryTime: EventHeader.expiryTime
        }
    }

    private func isNamed(_ name: UnsafeRawBufferPointer) -> Bool { Self.names[rawValue].isEqual(to: name) }

    private static let names = allCases.map { Array($0.name.utf8) }
    private static let longest = names.map(\.count).max() ?? 0
    /// Few have the same length. Behind the longest there is none.
    private static let byLength = (0...(longest + 1)).map { length in
        allCases.filter { names[$0.rawValue].count == length }
    }
}

extension [UInt8] {
    func isEqual(to bytes: UnsafeRawBufferPointer) -> Bool {
        withUnsafeBytes { own in
            guard own.count == bytes.count, let left = own.baseAddress, let right = bytes.baseAddress else {
                return own.isEmpty && bytes.isEmpty
            }
            return memcmp(left, right, own.count) == 0
        }
    }
}
