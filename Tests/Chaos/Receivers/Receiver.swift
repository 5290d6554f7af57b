import Execution
import Glibc
import Synchronization
import TestServers

/// The server of a partner who is told by webhooks, on its worst days: it answers 500 and 429, closes before and amid its
/// answers, hangs, and is away at times. What came is remembered, whether it was answered well or not.
///
/// A plain thread a connection, as whoever sends is bounded.
final class Receiver: Sendable {
    /// How it takes what comes.
    enum Mood: Sendable {
        case good
        /// Most is taken, and each way of going wrong happens.
        case moody
        /// Nobody is answered.
        case silent
    }

    /// What is done with one request.
    enum Answer: String, CaseIterable, Sendable {
        case accepted
        /// Refused before it was taken, and after: then it comes again.
        case error, errorAfterwards = "error afterwards"
        case tooMany = "too many"
        case closed
        case closedAmid = "closed amid the answer"
        case hung

        var weight: Int {
            switch self {
            case .accepted: 80
            case .error: 5
            case .errorAfterwards, .closed, .closedAmid, .tooMany: 3
            case .hung: 1
            }
        }

        var isTaken: Bool { self != .error && self != .tooMany }
    }

    private struct State {
        var mood = Mood.moody
        var listener: Int32 = -1
        var open: Set<Int32> = []
        var dice: Dice
        var came: [ReceivedWebhook] = []
        var answers: [Answer: Int] = [:]
    }

    let port: Int
    private let state: Mutex<State>

    init(_ dice: inout Dice) throws {
        port = try LocalPort.unused()
        state = Mutex(State(dice: dice.split()))
        try appear()
    }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    var came: [ReceivedWebhook] { state.withLock { $0.came } }
    var answers: [Answer: Int] { state.withLock { $0.answers } }

    func turn(_ mood: Mood) { state.withLock { $0.mood = mood } }

    /// Nobody listens any more, and every connection ends.
    func vanish() {
        state.withLock { state in
            if state.listener >= 0 { shutdown(state.listener, Int32(SHUT_RDWR)) }
            state.listener = -1
            for line in state.open { shutdown(line, Int32(SHUT_RDWR)) }
        }
    }

    /// Ends `vanish`.
    func appear() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard LocalPort.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 512) == 0 else {
            close(listener)
            throw CantListen(port: port)
        }
        state.withLock { $0.listener = listener }
        DedicatedThread.start("receiver") { [self] in
            while true {
                let line = accept(listener, nil, nil)
                if line < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard line >= 0 else { break }
                let isOpen = state.withLock { state -> Bool in
                    guard state.listener == listener else { return false }
                    return state.open.insert(line).inserted
                }
                guard isOpen else {
                    close(line)
                    continue
                }
                DedicatedThread.start("receiver-line") { [self] in serve(line) }
            }
            close(listener)
        }
    }

    private struct CantListen: Error {
        let port: Int
    }

    private func serve(_ line: Int32) {
        var requests = ReceivedBytes(line)
        while let webhook = requests.next() {
            let answer = state.withLock { state -> Answer in
                let answer: Answer =
                    switch state.mood {
                    case .good: .accepted
                    case .moody: state.dice.pick(Answer.allCases.map { ($0, weight: $0.weight) })
                    case .silent: .hung
                    }
                state.answers[answer, default: 0] += 1
                if answer.isTaken { state.came.append(webhook) }
                return answer
            }
            guard say(answer, on: line) else { break }
        }
        state.withLock { _ = $0.open.remove(line) }
        close(line)
    }

    /// False where that was the connection's end.
    private func say(_ answer: Answer, on line: Int32) -> Bool {
        let text: String
        switch answer {
        case .accepted: text = "HTTP/1.1 204 No Content\r\n\r\n"
        case .error, .errorAfterwards: text = "HTTP/1.1 500 Oh No\r\nContent-Length: 0\r\n\r\n"
        case .tooMany: text = "HTTP/1.1 429 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
        case .closedAmid: text = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
        case .closed: text = ""
        case .hung:
            // Until the other side gives up.
            var byte: UInt8 = 0
            while recv(line, &byte, 1, 0) > 0 {}
            return false
        }
        let bytes = Array(text.utf8)
        return send(line, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count && answer != .closed
            && answer != .closedAmid
    }
}
