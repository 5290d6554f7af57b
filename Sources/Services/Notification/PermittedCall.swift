import Execution
import Outbound

/// What a mailer tells the breaker: of the mail server alone. An empty queue or a lost database says nothing about it.
final class PermittedCall {
    private let breaker: CircuitBreaker
    private var isOpen = true

    init(_ breaker: CircuitBreaker) { self.breaker = breaker }

    /// To have a transport is no answer of the server's yet; to get none is a failure.
    func prepare<Result>(_ body: () throws(MailError) -> Result) throws(MailError) -> Result {
        do throws(MailError) {
            return try body()
        } catch {
            isOpen = false
            breaker.failed()
            throw error
        }
    }

    /// A refusal of one mail is an answer, too.
    func make<Result>(_ body: () throws(MailError) -> Result) throws(MailError) -> Result {
        isOpen = false
        do throws(MailError) {
            let result = try body()
            breaker.succeeded()
            return result
        } catch {
            if error.isOfTheServer { breaker.failed() } else { breaker.succeeded() }
            throw error
        }
    }

    /// Without a word to the server, the trial is another caller's.
    func end() {
        if isOpen { breaker.abandoned() }
        isOpen = false
    }
}
