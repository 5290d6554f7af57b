import Execution
import HTTPServer
import JSON
import Logging
import OrderflowKit
import Outbound

/// Asks another role over HTTP, on threads of its own.
///
/// A role that is slow or away costs nothing but the answers that need it: few calls run at once, few wait, who asks
/// hears something within the deadline whatever happens, and after some failures in a row nobody waits at all for a
/// while.
package final class RoleLink: Sendable {
    private let role: String
    private let url: String
    private let deadline: Duration
    private let threads: Int
    private let logger: Logger
    private let client: HTTPClient
    package let breaker: CircuitBreaker
    private let questions = WorkQueue<Question>(limit: 256)

    /// Bytes of an answer.
    private static let answerLimit = 8 << 20

    /// - Parameters:
    ///   - url: of the role, such as `http://127.0.0.1:3007`.
    ///   - deadline: for an answer, from the question on.
    package init(_ role: String, url: String, threads: Int = 4, deadline: Duration, logger: Logger) {
        self.role = role
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.deadline = deadline
        self.threads = threads
        self.logger = logger
        var configuration = HTTPClient.Configuration.ownDaemons
        configuration.timeout = deadline
        configuration.responseLimit = Self.answerLimit
        client = HTTPClient(configuration)
        breaker = CircuitBreaker(name: "graphql-\(role)", threshold: 3, cooldown: .seconds(2)) { state in
            logger.warning("circuit_changed", metadata: ["circuit": "graphql-\(role)", "state": "\(state.rawValue)"])
        }
    }

    /// `text` as one segment of a path.
    static func segment(_ text: String) -> String { URLPath.segment(text) }

    // MARK: Asking

    /// The answer of whatever status. Throws where there is none in time.
    ///
    /// - Parameter body: nil for a GET, else of a POST.
    func ask(
        _ path: String, body: [UInt8]? = nil, headers: [(name: String, value: String)]
    ) async throws(ProblemError) -> HTTPClient.Response {
        let question = Question(HTTPClient.Request(url: url + path, body: body, headers: headers))
        guard questions.add(question) else { throw ProblemError(Unavailable.overloaded) }
        let timer = Task {
            try? await Task.sleep(for: deadline)
            question.answer.settle(.failure(late(question)))
        }
        defer { timer.cancel() }
        let found = await withTaskCancellationHandler {
            await question.answer.value()
        } onCancel: {
            question.answer.settle(.failure(away(question)))
        }
        return try found.get()
    }

    /// The JSON of an answer of 200; nil for 404. Throws what the role refuses the question for.
    func document(
        _ path: String, headers: [(name: String, value: String)]
    ) async throws(ProblemError) -> JSONValue? {
        let answer = try await ask(path, headers: headers)
        if answer.status == 404 { return nil }
        let document = answer.isTruncated ? nil : try? JSONValue(parsing: answer.body)
        // What goes wrong over there isn't the caller's business.
        guard answer.status < 500, let document else { throw away() }
        guard answer.status == 200 else { throw ProblemError(status: answer.status, document: document) }
        return document
    }

    /// Asks for each of `keys`, all at once; those that `ask` answers with nil are left out.
    func each(
        _ keys: [String], _ ask: @escaping @Sendable (String) async throws(ProblemError) -> JSONValue?
    ) async -> [String: Result<JSONValue, any Error>] {
        await withTaskGroup(of: (String, Result<JSONValue, any Error>?).self) { group in
            for key in keys {
                group.addTask {
                    do throws(ProblemError) {
                        return (key, try await ask(key).map { .success($0) })
                    } catch {
                        return (key, .failure(error))
                    }
                }
            }
            var found: [String: Result<JSONValue, any Error>] = [:]
            for await (key, result) in group { found[key] = result }
            return found
        }
    }

    static func missing(_ role: String) -> ProblemError {
        ProblemError(HTTPProblem(.serviceUnavailable, detail: "this installation has no \(role) role"))
    }

    private func away(_ question: Question? = nil) -> ProblemError {
        ProblemError(
            HTTPProblem(
                .serviceUnavailable, title: "Role unavailable",
                detail: "the \(role) role can't be reached" + Self.advice(question)))
    }

    private func late(_ question: Question) -> ProblemError {
        ProblemError(
            HTTPProblem(
                .gatewayTimeout, detail: "the \(role) role has not answered in time" + Self.advice(question)))
    }

    /// Whether something was done is not known.
    private static func advice(_ question: Question?) -> String {
        question?.request.body == nil ? "" : "; with the same idempotency key a retry is safe"
    }

    // MARK: Answering

    package var parts: [ThreadGroup.Part] {
        (1...threads).map { number in
            ThreadGroup.Part("graphql-\(role)-\(number)") { stop in
                self.questions.run(until: stop) { question in
                    // Nobody waits for it any more.
                    if !question.answer.isSettled { question.answer.settle(self.answer(question)) }
                }
            }
        }
    }

    private func answer(_ question: Question) -> Result<HTTPClient.Response, ProblemError> {
        do {
            try breaker.permit()
        } catch {
            return .failure(away(question))
        }
        do {
            let answer = try client.send(question.request)
            if answer.status < 500 { breaker.succeeded() } else { breaker.failed() }
            return .success(answer)
        } catch {
            breaker.failed()
            logger.warning("role_unreachable", metadata: ["role": "\(role)", "error": "\(error)"])
            return .failure(away(question))
        }
    }
}

/// A question on its way, and the answer to it.
private final class Question: Sendable {
    let request: HTTPClient.Request
    let answer = FirstAnswer<Result<HTTPClient.Response, ProblemError>>()

    init(_ request: HTTPClient.Request) { self.request = request }
}
