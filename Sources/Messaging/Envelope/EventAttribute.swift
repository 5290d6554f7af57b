import Glibc

/// A header of ours, told by its name's bytes where they lie: a consumer looks at a dozen of each record.
enum EventAttribute: Int, CaseIterable {
    case specVersion, id, source, type, time, subject, contentType, schemaVersion, correlationID, causationID, tenant
    case streamVersion, traceparent, signature, expiryTime

    /// Nil for a foreign header. Names are told apart by case (CloudEvents 1.0, Kafka protocol binding §3.2.2).
    init?(_ name: UnsafeRawBufferPointer) {
        guard let place = Self.names.place(of: name) else { return nil }
        self.init(rawValue: place)
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

    private static let names = NameTable(allCases.map(\.name))
}

/// Names in one stretch of memory, to be found by their bytes without a look at an object of each.
private struct NameTable: Sendable {
    private let bytes: [UInt8]
    /// Where each name begins, and where the last one ends.
    private let starts: [Int]

    init(_ names: [String]) {
        bytes = names.flatMap { Array($0.utf8) }
        starts = names.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.utf8.count) }
    }

    func place(of name: UnsafeRawBufferPointer) -> Int? {
        guard let sought = name.baseAddress else { return nil }
        return bytes.withUnsafeBytes { bytes in
            starts.withUnsafeBufferPointer { starts in
                guard let base = bytes.baseAddress else { return nil }
                for place in 0..<(starts.count - 1) where starts[place + 1] - starts[place] == name.count {
                    if memcmp(base + starts[place], sought, name.count) == 0 { return place }
                }
                return nil
            }
        }
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
