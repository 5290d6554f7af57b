import Messaging
import Orders
import Postgres
import UserFacts

/// Users as streams of the event store: `UserCreated` first, then an `AccountCreated` for each address.
enum UserStreams {
    static let category = "user"

    /// Apart from orders' streams, whose ids foreign producers choose. The relay's key is the user's id alone.
    static func streamID(_ userID: String) -> String { EventStore.streamID(category: category, key: userID) }

    /// A user may have an account for every address of a long life.
    static let profiles = Aggregates<UserProfile>(category: category)

    static func load(tenant: String, userID: String, on connection: Connection) throws -> [StoredEvent] {
        try EventStore.load(
            tenant: tenant, streamID: streamID(userID), categories: [category], on: connection)
    }

    private static let facts: FactCatalogue = [UserCreated.self, AccountCreated.self]

    /// A fact of a user's stream.
    static func decode(_ event: StoredEvent) throws -> any UserFact {
        let encoded = EncodedPayload(
            try event.json(), schemaVersion: event.schemaVersion, time: event.createdAt, from: .store)
        guard let fact = try facts.decode(event.type, encoded) as? any UserFact else {
            throw BrokenStream(streamID: event.streamID, version: event.version)
        }
        return fact
    }

    static func append<Event: UserFact>(
        _ fact: Event, at version: Int, metadata: EventMetadata
    ) throws -> StreamAppend {
        StreamAppend(
            tenant: metadata.tenant, streamID: streamID(fact.userID), category: category, expectedVersion: version,
            events: [
                NewEvent(
                    type: Event.type, schemaVersion: Event.version, data: try fact.payload(), metadata: metadata)
            ])
    }
}
