import Messaging
import Orders
import Postgres

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

    static func decode(_ event: StoredEvent) throws -> UserFact {
        let fact = try UserFact.decode(
            type: event.type, schemaVersion: event.schemaVersion, payload: event.json(), time: event.createdAt, id: "",
            from: .store)
        guard let fact else { throw BrokenStream(streamID: event.streamID, version: event.version) }
        return fact
    }

    static func append(_ fact: UserFact, at version: Int, metadata: EventMetadata) -> StreamAppend {
        StreamAppend(
            tenant: metadata.tenant, streamID: streamID(fact.userID), category: category, expectedVersion: version,
            events: [
                NewEvent(
                    type: fact.type, schemaVersion: fact.schemaVersion, data: fact.payload(), metadata: metadata)
            ])
    }
}
