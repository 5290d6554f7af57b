import Execution
import HTTPServer
import JSON
import Messaging
import OrderflowKit
import Orders
import Postgres
import UserFacts

/// `POST /users` and `POST /accounts`: into the event store, and from there to `user-events`.
public struct UserRoutes: Sendable {
    private let service: OrderService

    public init(_ service: OrderService) { self.service = service }

    public var routes: Routes {
        Routes(needing: .usersWrite) {
            Post("/users", .bodyLimit(4 << 10), .refusals(titled: "Invalid user")) { try createUser($0, $1, $2) }
            Post(
                "/accounts", from: service.database, .bodyLimit(16 << 10), .refusals(titled: "Invalid account")
            ) { try createAccount($0, $1) }
        }
    }

    /// One request, and the id that it gives out: the same one for the same key.
    private struct Command: Sendable {
        let context: RequestContext
        let id: String
        /// The id that the key had before there was a secret.
        private(set) var formerID: String?
        let now = WallClock.nowMicroseconds()
        private var key: (key: IdempotencyKey, secret: InstallationSecret)?
        /// Of key and wish, however the wish is written.
        private(set) var digest: KeyedDigest?

        /// Without a key.
        init(_ context: RequestContext) {
            self.context = context
            id = UUIDText.v7(microseconds: now)
        }

        init(
            _ context: RequestContext, _ purpose: InstallationSecret.Purpose, _ key: IdempotencyKey,
            _ secret: InstallationSecret
        ) {
            self.context = context
            id = secret.id(purpose, key, tenant: context.tenant, owner: context.keyOwner)
            if secret.looksForFormerIDs(at: now) {
                formerID = InstallationSecret.formerID(purpose, key, tenant: context.tenant)
            }
            self.key = (key, secret)
        }

        /// - Parameter wish: what is asked for, with everything that a request doesn't decide held fixed.
        mutating func sign(_ wish: some UserFact) throws {
            digest = try key.map { key, secret in
                secret.digest(of: Array(key.text.utf8) + [0] + (try wish.payload()))
            }
        }

        /// Whether `id` is one that the request gives out.
        func names(_ id: String) -> Bool { id == self.id || id == formerID }

        var metadata: EventMetadata {
            let id = UUIDText.v7(microseconds: now)
            return EventMetadata(
                id: id, source: OrderStreams.source, time: now, tenant: context.tenant,
                correlationID: context.correlationID ?? id, traceparent: context.traceparent, actor: context.actor,
                requestDigest: digest?.text)
        }
    }

    // MARK: POST /users

    private func createUser(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws {
        try createUser(request.body, IdempotencyKey(request), context, responder)
    }

    /// A user from its body, however that came.
    func createUser(
        _ body: UnsafeRawBufferPointer, _ key: IdempotencyKey?, _ context: RequestContext, _ responder: Responder
    ) throws {
        let wish = try UserRequest(json: body)
        guard let key else { return try append(wish, Command(context), responder) }
        if let secret = service.secrets.alone(key: true, token: false)?.secret {
            return try append(wish, Command(context, .user, key, secret), responder)
        }
        PooledAnswer { connection in
            let command = Command(context, .user, key, try service.secrets.secret())
            let (user, signed) = try user(wish, command)
            let append = KeyedAppend(
                append: try UserStreams.append(user, at: 0, metadata: signed.metadata),
                // A user whom the request names has that id and no other.
                formerStream: wish.userID == nil ? signed.formerID.map(UserStreams.streamID) : nil,
                categories: [UserStreams.category])
            if let known = try append.make(on: connection) { return try answer(known, user, signed, on: connection) }
            service.wakeRelay()
            return try Self.answer(user, version: 1)
        }.send(to: responder, from: service.database, for: context)
    }

    private func user(_ wish: UserRequest, _ command: Command) throws -> (UserCreated, Command) {
        var command = command
        try command.sign(UserCreated(wish, userID: "", at: 0))
        return (UserCreated(wish, userID: command.id, at: command.now), command)
    }

    private func append(_ wish: UserRequest, _ command: Command, _ responder: Responder) throws {
        let (user, command) = try user(wish, command)
        let answer = try Self.answer(user, version: 1)
        let append = try UserStreams.append(user, at: 0, metadata: command.metadata)
        let accepted = service.writer.submit(
            EventWriter.Request(append: append) { outcome in
                switch outcome {
                case .appended: responder.send(answer)
                case .versionTaken:
                    PooledAnswer { try self.answer(append.streamID, user, command, on: $0) }
                        .send(to: responder, from: service.database, for: command.context)
                case .failed(let error): responder.send(Unavailable.problem(error))
                }
            })
        if !accepted { throw Unavailable.overloaded }
    }

    /// The user is there already: by this very request, or by another one.
    private func answer(
        _ streamID: String, _ user: UserCreated, _ command: Command, on connection: Connection
    ) throws -> HTTPResponse {
        guard
            let first = try EventStore.load(
                tenant: command.context.tenant, streamID: streamID, categories: [UserStreams.category], on: connection
            ).first, let answer = try Self.replay(first, of: command)
        else { throw HTTPProblem(.conflict, title: "User exists", detail: "there is a user \(user.userID) already") }
        return answer
    }

    // MARK: POST /accounts

    private func createAccount(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let key = try IdempotencyKey(request)
        let wish = try AccountRequest(json: request.body)
        return PooledAnswer { connection in
            var command =
                try key.map { Command(context, .account, $0, try service.secrets.secret()) }
                ?? Command(context)
            try command.sign(AccountCreated(wish, accountID: "", at: 0))
            let account = AccountCreated(wish, accountID: command.id, at: command.now)
            // Another request may append between our read and our write.
            for _ in 0..<10 {
                let key = StreamKey(
                    tenant: command.context.tenant, streamID: UserStreams.streamID(account.userID))
                let profiles = try UserStreams.profiles.load([key], on: connection)
                guard let version = profiles[key]?.version else {
                    throw OrderRequest.Refusal.invalid([
                        OrderRequest.Violation(pointer: "/userId", detail: "names no user")
                    ])
                }
                if let answer = try Self.replay(of: command, by: account.userID, on: connection) { return answer }
                try UserStreams.profiles.keep(profiles, on: connection)
                let append = try UserStreams.append(account, at: version, metadata: command.metadata)
                guard try EventStore.append([append], on: connection).isEmpty else { continue }
                service.wakeRelay()
                return try Self.answer(account, version: version + 1)
            }
            throw HTTPProblem(
                .serviceUnavailable, detail: "the user keeps changing", headers: [Unavailable.retryAfter])
        }
    }

    // MARK: Answers

    private static func replay(
        of command: Command, by userID: String, on connection: Connection
    ) throws -> HTTPResponse? {
        // Only a request with a key can have come before, and only its event has to be found in the whole stream.
        guard command.digest != nil else { return nil }
        for event in try UserStreams.load(tenant: command.context.tenant, userID: userID, on: connection) {
            if let answer = try replay(event, of: command) { return answer }
        }
        return nil
    }

    /// The first answer again, if `event` is what this very request has done before. Nil if it is not.
    private static func replay(_ event: StoredEvent, of command: Command) throws -> HTTPResponse? {
        guard let digest = command.digest else { return nil }
        let fact = try UserStreams.decode(event)
        let id = (fact as? AccountCreated)?.accountID ?? fact.userID
        let metadata = try event.metadata.withUnsafeBytes { try EventMetadata(json: $0) }
        guard digest.matches(metadata.requestDigest) else {
            guard command.names(id) else { return nil }
            throw IdempotencyKey.reused
        }
        return IdempotencyKey.replayed(try answer(fact, version: event.version))
    }

    private static func answer(_ fact: some UserFact, version: Int) throws -> HTTPResponse {
        var json = JSONWriter(capacity: 256)
        try json.object { json in
            json.field("success", true)
            json.key(fact is AccountCreated ? "account" : "user")
            try json.object { try fact.write(into: &$0) }
        }
        return HTTPResponse.json(.created, json.bytes, headers: [HTTPHeader("ETag", "\"\(version)\"")])
    }
}
