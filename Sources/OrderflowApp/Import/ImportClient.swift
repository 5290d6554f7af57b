import Execution
import JSON
import Outbound

/// Sends batches to an API until it has taken them, and asks how they fare.
struct ImportClient: Sendable {
    struct Target: Sendable {
        /// Such as `http://127.0.0.1:3000`.
        let url: String
        var tenant: String?
        /// An API key or token; nil where callers aren't identified.
        var token: String?
    }

    private let target: Target
    private let http: HTTPClient
    private let patience: ImportPatience
    private let stop: StopSignal

    init(_ target: Target, patience: ImportPatience, stop: StopSignal) {
        self.target = target
        self.patience = patience
        self.stop = stop
        var configuration = HTTPClient.Configuration()
        configuration.connectTimeout = .seconds(5)
        // The API has a batch stored before it ends its answer.
        configuration.timeout = .seconds(300)
        configuration.responseLimit = 16 << 20
        http = HTTPClient(configuration)
    }

    /// The process is to end before it is done.
    struct Interrupted: Error {}

    // MARK: Sending

    /// What became of the records of a chunk.
    struct Delivery: Sendable {
        var accepted = 0
        var refused: [(record: ImportRecord, refusal: ImportAnswer.Refusal)] = []
        var batchIDs: [String] = []
    }

    /// Sends the records as one batch under `key`, again and again until there is an answer to every one of them. Whatever
    /// breaks in between, a record becomes one order: its id follows from the key and its place.
    ///
    /// Records that the batch didn't get before it was closed, because who began with it didn't come back in time, are
    /// sent under another key. Which they are stays as it is, so that they too are sent under one key only.
    func deliver(_ records: [ImportRecord], under key: String) throws -> Delivery {
        var delivery = Delivery()
        var left = records
        var round = 1
        while !left.isEmpty {
            let answer = try send(left, under: round == 1 ? key : "\(key)/\(round)")
            delivery.batchIDs.append(answer.batchID)
            var closed: [ImportRecord] = []
            for (record, line) in zip(left, answer.lines) {
                switch line {
                case .stored: delivery.accepted += 1
                case .refused(let refusal): delivery.refused.append((record, refusal))
                case .closed: closed.append(record)
                case .passing: break
                }
            }
            left = closed
            round += 1
        }
        return delivery
    }

    /// An answer in which no line is left to be sent again.
    private func send(_ records: [ImportRecord], under key: String) throws -> ImportAnswer {
        var body: [UInt8] = []
        body.reserveCapacity(records.reduce(0) { $0 + $1.json.count + 1 })
        for record in records {
            body += record.json
            body.append(0x0A)
        }
        let request = HTTPClient.Request(
            url: target.url + "/orders/batch", body: body,
            headers: headers + [
                ("Content-Type", "application/x-ndjson"), ("Accept", "application/x-ndjson"), ("Idempotency-Key", key),
            ])
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(15))
        while true {
            let response = try answer(to: request, &backoff)
            let answer: ImportAnswer
            do throws(ImportAnswer.Flaw) {
                answer = try ImportAnswer(response.body, of: records.count)
            } catch {
                guard case .otherContent(let line) = error else {
                    try pause("\(error)", nil, &backoff)
                    continue
                }
                throw ImportError(
                    "\(records[line - 1].place): another order came before under this import's key, so that the file was "
                        + "changed since; give --key to import all of it as something new")
            }
            guard let (reason, seconds) = Self.passing(answer) else {
                patience.reset()
                return answer
            }
            try pause(reason, .seconds(seconds), &backoff)
        }
    }

    private static func passing(_ answer: ImportAnswer) -> (reason: String, seconds: Int)? {
        var longest: (reason: String, seconds: Int)?
        for case .passing(let reason, let seconds) in answer.lines where seconds > longest?.seconds ?? -1 {
            longest = (reason, seconds)
        }
        return longest
    }

    // MARK: Asking

    /// The state of a batch once all of its orders have ended, or after some seconds.
    func state(of batchID: String, waiting seconds: Int) throws -> JSONValue {
        let request = HTTPClient.Request(
            url: target.url + "/batches/" + URLPath.segment(batchID), headers: headers + [("Prefer", "wait=\(seconds)")]
        )
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(15))
        let response = try answer(to: request, &backoff)
        patience.reset()
        guard let state = try? JSONValue(parsing: response.body) else {
            throw ImportError("\(request.url): the answer is no JSON")
        }
        return state
    }

    /// What of a batch came to no confirmed order, the first of it.
    func failures(of batchID: String, limit: Int) throws -> [JSONValue] {
        let request = HTTPClient.Request(
            url: target.url + "/batches/" + URLPath.segment(batchID) + "?failed=true&limit=\(limit)", headers: headers)
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(15))
        let response = try answer(to: request, &backoff)
        patience.reset()
        return (try? JSONValue(parsing: response.body))?["failed"]?.array ?? []
    }

    // MARK: Trying again

    private var headers: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let tenant = target.tenant { headers.append(("X-Tenant-Id", tenant)) }
        if let token = target.token { headers.append(("Authorization", "Bearer \(token)")) }
        return headers
    }

    /// The answer that a request gets in the end. What can pass is waited for, with `Retry-After` and jitter; what can't is
    /// an error.
    private func answer(to request: HTTPClient.Request, _ backoff: inout Backoff) throws -> HTTPClient.Response {
        while true {
            if stop.isStopped { throw Interrupted() }
            let response: HTTPClient.Response
            do throws(HTTPClientError) {
                response = try http.send(request)
            } catch {
                try pause("\(error)", nil, &backoff)
                continue
            }
            switch response.status {
            case 200..<300 where !response.isTruncated: return response
            case 200..<300: throw ImportError("\(request.url): the answer is longer than it can be")
            case 408, 425, 429, 500...:
                try pause(Self.words(response), response.retryAfter, &backoff)
            case 422 where Self.words(response).contains("Idempotency-Key reused"):
                throw ImportError("the import's key was used before for something else; give another --key")
            default: throw ImportError("\(request.url) answers \(Self.words(response))")
            }
        }
    }

    private static func words(_ response: HTTPClient.Response) -> String {
        guard let problem = try? JSONValue(parsing: response.body) else { return "\(response.status)" }
        return ImportAnswer.words(problem)
    }

    /// Waits for what was asked for, and some more, so that not all come back at once.
    private func pause(_ reason: String, _ retryAfter: Duration?, _ backoff: inout Backoff) throws {
        guard patience.lasts(reason) else {
            throw ImportError("gave up after \(patience.limitText) without an answer that helps: \(reason)")
        }
        if stop.wait(for: (retryAfter ?? .zero) + backoff.next()) { throw Interrupted() }
    }
}

/// How long an API may be away, over all that is sent to it.
final class ImportPatience: Sendable {
    private let limit: Duration
    /// The limit in words.
    let limitText: String
    private let tell: @Sendable (String) -> Void
    private let lastAnswer = Monitor(ContinuousClock.now)

    /// - Parameter tell: is told what is in the way.
    init(_ limit: Duration, _ limitText: String, tell: @escaping @Sendable (String) -> Void = { _ in }) {
        self.limit = limit
        self.limitText = limitText
        self.tell = tell
    }

    /// Something has got through.
    func reset() { lastAnswer.withLock { $0 = .now } }

    /// Takes down what is in the way. False when it is enough.
    func lasts(_ trouble: String) -> Bool {
        tell(trouble)
        return lastAnswer.withLock { $0 + limit > .now }
    }
}
