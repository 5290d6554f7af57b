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
        let now: Int64
        private let key: IdempotencyKey?
        /// Of key and wish, however the wish is written.
        private(set) var digest: String?

        init(_ request: borrowing HTTPRequest, _ context: RequestContext, _ purpose: String) throws {
            let key = try IdempotencyKey(request)
            let now = WallClock.nowMicroseconds()
            self.context = context
            self.key = key
            self.now = now
            id =
                key.map { UUIDText.v5(name: "\(context.tenant)\0\(purpose)\0\($0.text)") }
                ?? UUIDText.v7(microseconds: now)
        }

        /// - Parameter wish: what is asked for, with everything that a request doesn't decide held fixed.
        mutating func sign(_ wish: some UserFact) throws {
            digest = try key.map { RequestDigest.of(Array($0.text.utf8) + [0] + (try wish.payload())) }
        }

        var metadata: EventMetadata {
            let id = UUIDText.v7(microseconds: now)
            return EventMetadata(
                id: id, source: OrderStreams.source, time: now, tenant: context.tenant,
                correlationID: context.correlationID ?? id, traceparent: context.traceparent, actor: context.actor,
                requestDigest: digest)
        }
    }

    // MARK: POST /users

    private func createUser(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws {
        var command = try Command(request, context, "user")
        let wish = try UserRequest(json: request.body)
        try command.sign(UserCreated(wish, userID: "", at: 0))
        let user = UserCreated(wish, userID: command.id, at: command.now)
        let answer = try Self.answer(user, version: 1)
        let accepted = service.writer.submit(
            EventWriter.Request(append: try UserStreams.append(user, at: 0, metadata: command.metadata)) {
                [command] outcome in
                switch outcome {
                case .appended: responder.send(answer)
                case .versionTaken:
                    known(user.userID, command).send(to: responder, from: service.database, for: command.context)
                case .failed(let error): responder.send(Unavailable.problem(error))
                }
            })
        if !accepted { throw Unavailable.overloaded }
    }

    /// The user is there already: by this very request, or by another one.
    private func known(_ userID: String, _ command: Command) -> PooledAnswer {
        PooledAnswer { connection in
            guard
                let first = try UserStreams.load(
                    tenant: command.context.tenant, userID: userID, on: connection
                ).first, let answer = try Self.replay(first, of: command)
            else { throw HTTPProblem(.conflict, title: "User exists", detail: "there is a user \(userID) already") }
            return answer
        }
    }

    // MARK: POST /accounts

    private func createAccount(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        var command = try Command(request, context, "account")
        let wish = try AccountRequest(json: request.body)
        try command.sign(AccountCreated(wish, accountID: "", at: 0))
        let account = AccountCreated(wish, accountID: command.id, at: command.now)
        return PooledAnswer { [command] connection in
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
        guard metadata.requestDigest == digest else {
            guard id == command.id else { return nil }
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
