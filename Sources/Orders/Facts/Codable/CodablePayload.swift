import JSON

// The coder of facts and commands that are `Codable`: one struct of stored members is a whole fact.
//
//     struct LoyaltyPointsEarned: OrderFact, Codable {
//         static let type = "LoyaltyPointsEarned"
//         let orderID: String
//         let points: Int
//         @WireTime var at: Int64
//     }
//
// Members are named as the wire format names them: `orderID` is `orderId`. Reading is strict: a member that is missing
// or of another type makes the record poison; members that the struct hasn't are passed over.

extension MessagePayload where Self: Decodable {
    public init(_ members: Members) throws(PayloadError) {
        do {
            self = try Self(from: PayloadDecoder(JSONValue(parsing: members.encoded.bytes), at: []))
        } catch let error as DecodingError {
            throw PayloadError(type: Self.type, detail: error.payloadDetail)
        } catch {
            throw PayloadError(type: Self.type, detail: "\(error)")
        }
    }
}

extension MessagePayload where Self: Encodable {
    /// Throws for what JSON can't say, such as a number that is none.
    public func write(into json: inout JSONWriter) throws {
        let place = PayloadPlace()
        try encode(to: PayloadEncoder(place, at: []))
        guard case .object(let object) = place.value else {
            throw PayloadError(type: Self.type, detail: "is no object")
        }
        for member in object.members {
            json.key(dynamic: member.name)
            json.value(member.value)
        }
    }
}

/// A time in a `Codable` fact: microseconds since the Unix epoch here, RFC 3339 text on the wire.
@propertyWrapper
public struct WireTime: Hashable, Sendable, Codable {
    public var wrappedValue: Int64

    public init(wrappedValue: Int64) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = RFC3339.microseconds(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be an RFC 3339 time")
        }
        wrappedValue = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(RFC3339.text(wrappedValue))
    }
}

/// How members are called on the wire.
enum WireName {
    /// `orderID` as `orderId`: of several capitals, those that don't begin a word become small. Names without two
    /// capitals in a row stay what they are.
    static func of(_ name: String) -> String {
        var text = ""
        var previousIsCapital = false
        var index = name.startIndex
        while index < name.endIndex {
            let letter = name[index]
            let next = name.index(after: index)
            let isCapital = letter.isUppercase
            let beginsWord = next < name.endIndex && name[next].isLowercase
            text += isCapital && previousIsCapital && !beginsWord ? letter.lowercased() : String(letter)
            previousIsCapital = isCapital
            index = next
        }
        return text
    }

    /// RFC 6901.
    static func pointer(_ path: [any CodingKey]) -> String {
        path.map { "/" + ($0.intValue.map(String.init) ?? of($0.stringValue)) }.joined()
    }
}

/// A place in an array, or any name.
struct PlainKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}

extension DecodingError {
    fileprivate var payloadDetail: String {
        switch self {
        case .keyNotFound(let key, let context): "\(WireName.pointer(context.codingPath + [key])) is required"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            "\(WireName.pointer(context.codingPath)) \(context.debugDescription)"
        @unknown default: "\(self)"
        }
    }
}
