import Execution
import HTTPServer

/// Keeps what it gets of a body; answers how much that was, or echoes it as it comes.
final class TestReceiver: BodyReceiver {
    struct State {
        var bytes: [UInt8] = []
        var isWhole = false
        var failure: BodyFailure?
        /// Pauses once so much was received.
        var pausesAt: Int?
        var calls = 0
    }

    let responder: Responder
    let state = Monitor(State())
    private let echo: AnswerStream?

    init(_ responder: Responder, echo: AnswerStream? = nil) {
        self.responder = responder
        self.echo = echo
    }

    func receive(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> BodyTaken {
        let (taken, isPaused, count) = state.update { state in
            state.calls += 1
            let room = state.pausesAt.map { max(0, $0 - state.bytes.count) } ?? bytes.count
            let taken = min(room, bytes.count)
            state.bytes.append(contentsOf: bytes[..<taken])
            let isPaused = state.pausesAt.map { state.bytes.count >= $0 } ?? false
            state.isWhole = isLast && !isPaused
            return (taken, isPaused, state.bytes.count)
        }
        echo?.write(Array(bytes[..<taken]))
        if isLast, !isPaused {
            if let echo { echo.finish() } else { responder.send(.text(.ok, "\(count)")) }
        }
        return BodyTaken(taken, pausing: isPaused)
    }

    func bodyBroke(_ reason: BodyFailure) {
        state.update { $0.failure = reason }
        if let echo {
            echo.write(Array("broke: \(reason)".utf8))
            echo.finish()
        } else {
            responder.send(HTTPProblem(.badRequest, detail: "\(reason)"))
        }
    }

    func goOn() {
        state.update { $0.pausesAt = nil }
        responder.resumeBody()
    }

    func failure() -> BodyFailure? { state.wait(for: .seconds(10)) { $0.failure } }
    func wholeBody() -> [UInt8]? { state.wait(for: .seconds(10)) { $0.isWhole ? $0.bytes : nil } }
}
