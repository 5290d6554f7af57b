import JSON
import Messaging
import OrderflowKit
import Orders
import Postgres
import Webhooks

/// What in a service's database waits for a person, and what has waited for long: of all tenants, and only the first
/// of each kind, since it is read again every few seconds. No payloads: they may hold what a screen shouldn't show.
public struct AttentionDocument: Sendable {
    /// Different for each process, so that one that is reached by two addresses is known to be one.
    let process: String
    let role: String
    /// Its letters are called `service/17`.
    let service: String
    let sagas: SagaOperator?
    /// Whether endpoints of webhooks are the service's.
    let hasEndpoints: Bool

    static let letters = 20
    static let troubled = 20
    /// Orders under way whose next deadline is nearest.
    static let waiting = 20
    static let endpoints = 20

    public init(
        process: String, role: String, service: String, sagas: SagaOperator? = nil, hasEndpoints: Bool = false
    ) {
        self.process = process
        self.role = role
        self.service = service
        self.sagas = sagas
        self.hasEndpoints = hasEndpoints
    }

    func read(on connection: Connection) throws -> [UInt8] {
        let letters = try DeadLetterQueue.list(limit: Self.letters, valueLimit: HeldOrder.valueLimit, on: connection)
        let troubled = try sagas?.troubled(limit: Self.troubled, on: connection) ?? []
        let waiting = try sagas?.nextDue(limit: Self.waiting, on: connection) ?? []
        let endpoints = hasEndpoints ? try EndpointStandings.read(limit: Self.endpoints, on: connection) : nil
        var json = JSONWriter(capacity: 4096)
        json.object { json in
            json.field("process", process)
            json.field("role", role)
            json.key("letters")
            json.array { json in for letter in letters { json.letter(letter, of: service) } }
            if let endpoints {
                json.key("webhooks")
                endpoints.write(to: &json)
            }
            guard sagas != nil else { return }
            json.key("stuck")
            json.array { json in for saga in troubled { json.standing(saga) } }
            json.key("waiting")
            json.array { json in for saga in waiting { json.standing(saga) } }
        }
        return json.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func letter(_ entry: DeadLetterQueue.Entry, of service: String) {
        let held = HeldOrder(entry, of: service)
        object { json in
            json.field("letter", held.letter)
            json.field("orderId", held.key.orderID)
            json.field("tenant", held.key.tenant)
            json.field("group", entry.group)
            json.field("topic", entry.source.topic)
            json.field("partition", Int(entry.source.partition))
            json.field("offset", entry.source.offset)
            json.field("key", entry.key)
            json.field("status", entry.status)
            json.field("error", entry.error)
            json.field("attempts", entry.attempts)
            json.time("since", entry.createdAt)
            json.field("behind", entry.parkedBehind ?? 0)
        }
    }

    fileprivate mutating func standing(_ saga: StoredSaga) {
        object { json in
            json.field("orderId", saga.key.id)
            json.field("tenant", saga.key.tenant)
            json.field("status", saga.instance.status.rawValue)
            json.field("attention", saga.instance.attention)
            json.field("reason", saga.instance.reason)
            json.time("since", saga.instance.startedAt ?? saga.createdAt)
            json.key("waits")
            json.array { json in
                for wait in saga.waits {
                    json.object {
                        $0.field("for", wait.text)
                        $0.time("since", wait.since)
                    }
                }
            }
        }
    }
}
