import JSON
import Messaging
import Orders
import UserFacts

/// The user aggregate: what is true of a user after the events so far.
struct UserProfile: Hashable, Sendable {
    let user: UserCreated
    var account: AccountCreated?
}

extension UserProfile: EventSourced {
    static let snapshotVersion = 1

    static func evolve(_ profile: UserProfile?, _ event: StoredEvent) throws -> UserProfile {
        switch (profile, try UserStreams.decode(event)) {
        case (nil, let user as UserCreated): return UserProfile(user: user)
        case (var profile?, let account as AccountCreated):
            profile.account = account
            return profile
        default: throw BrokenStream(streamID: event.streamID, version: event.version)
        }
    }

    func snapshot() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("user")
            json.object { user.write(into: &$0) }
            if let account {
                json.key("account")
                json.object { account.write(into: &$0) }
            }
        }
        return json.bytes
    }

    init(snapshot: UnsafeRawBufferPointer) throws {
        var user: UserCreated?
        var account: AccountCreated?
        var reader = JSONReader(snapshot)
        try reader.readObject { key, reader in
            if key == "user" {
                user = try Self.fact(&reader)
            } else if key == "account" {
                account = try Self.fact(&reader)
            } else {
                try reader.skipValue()
            }
        }
        guard let user else { throw JSONError(reason: "is no snapshot of a user", offset: 0) }
        self.init(user: user, account: account)
    }

    private static func fact<Content: UserFact>(_ reader: inout JSONReader) throws -> Content {
        try Content(EncodedPayload(Array(reader.rawValue()), schemaVersion: Content.version, from: .store))
    }
}
