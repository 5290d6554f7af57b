import Glibc
import Synchronization

/// TCP on 127.0.0.1, as far as starting servers needs it.
public enum LocalPort {
    /// A port nobody listens on, and that this process hasn't been given before: a daemon may be started long after its port
    /// was chosen, when the next one's has been too.
    ///
    /// Below the kernel's ephemeral range (32768 and up): a client that keeps knocking on a killed server's port in
    /// that range can be given the same port as its own, connects to itself, and the server can't come back.
    ///
    /// - Parameter count: so many ports in a row, of which this is the first.
    public static func unused(inARow count: Int = 1) throws(TestServerError) -> Int {
        for _ in range {
            let first = next.withLock { next in
                if next + count > range.upperBound { next = range.lowerBound }
                defer { next += count }
                return next
            }
            let free = (first..<first + count).allSatisfy { port in
                withSocket({ descriptor in withAddress(port) { bind(descriptor, $0, $1) } == 0 })
            }
            if free { return first }
        }
        throw TestServerError("no free port in \(range) on 127.0.0.1")
    }

    /// Where the search goes on, from the range's lower bound again behind its end. It begins anywhere, since other
    /// processes of tests may run on this machine.
    private static let next = Mutex(Int.random(in: range))

    /// Nobody holds a port between the choice of it and the start of what listens there: of two processes of tests that run
    /// at once (scripts/test), each chooses from a half.
    private static let range: Range<Int> =
        switch getenv("ORDERFLOW_TEST_LANE").map({ String(cString: $0) }) {
        case "1": 15_000..<23_500
        case "2": 23_500..<32_000
        default: 15_000..<32_000
        }

    /// Whether a Kafka broker answers there: sends ApiVersions v0, which every version of every broker knows
    /// (https://kafka.apache.org/protocol#The_Messages_ApiVersions), and waits up to a second for the answer.
    static func answersKafka(_ port: Int) -> Bool {
        let correlation: [UInt8] = [0x6f, 0x66, 0x6c, 0x77]
        let request: [UInt8] = [0, 0, 0, 10, 0, 18, 0, 0] + correlation + [0xff, 0xff]
        return withSocket { descriptor in
            var patience = timeval(tv_sec: 1, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            guard withAddress(port, { connect(descriptor, $0, $1) }) == 0 else { return false }
            guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
                return false
            }
            var answer = [UInt8](repeating: 0, count: 8)
            guard recv(descriptor, &answer, 8, Int32(MSG_WAITALL)) == 8 else { return false }
            return Array(answer[4...]) == correlation
        }
    }

    /// Whether somebody listens there.
    static func isTaken(_ port: Int) -> Bool {
        withSocket { descriptor in withAddress(port) { connect(descriptor, $0, $1) } == 0 }
    }

    private static func withSocket(_ body: (Int32) -> Bool) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return body(descriptor)
    }

    /// 127.0.0.1 and a port, as sockets want it.
    public static func withAddress<Result>(
        _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
