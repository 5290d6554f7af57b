import JSON
import Messaging
import Orders

/// The user aggregate: what is true of a user after the events so far.
struct UserProfile: Hashable, Sendable {
    let user: UserCreated
    var account: AccountCreated?
}

extension UserProfile: EventSourced {
    static let snapshotVersion = 1

    static func evolve(_ profile: UserProfile?, _ event: StoredEvent) throws -> UserProfile {
        switch (profile, try UserStreams.decode(event)) {
        case (nil, .userCreated(let user)): return UserProfile(user: user)
        case (var profile?, .accountCreated(let account)):
            profile.account = account
            return profile
        default: throw BrokenStream(streamID: event.streamID, version: event.version)
        }
    }

    func snapshot() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("user", raw: UserFact.userCreated(user).payload())
            if let account { json.field("account", raw: UserFact.accountCreated(account).payload()) }
        }
        return json.bytes
    }

    init(snapshot: UnsafeRawBufferPointer) throws {
        var user: UserCreated?
        var account: AccountCreated?
        var reader = JSONReader(snapshot)
        try reader.readObject { key, reader in
            if key == "user" {
                if case .userCreated(let content)? = try Self.fact(UserFactType.userCreated, 1, &reader) {
                    user = content
                }
            } else if key == "account" {
                if case .accountCreated(let content)? = try Self.fact(UserFactType.accountCreated, 2, &reader) {
                    account = content
                }
            } else {
                try reader.skipValue()
            }
        }
        guard let user else { throw JSONError(reason: "is no snapshot of a user", offset: 0) }
        self.init(user: user, account: account)
    }

    private static func fact(_ type: String, _ version: Int, _ reader: inout JSONReader) throws -> UserFact? {
        try UserFact.decode(
            type: type, schemaVersion: version, payload: Array(reader.rawValue()), time: 0, id: "", from: .store)
    }
}
