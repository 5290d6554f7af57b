import Glibc
import TestServers

/// Connections to a server by somebody who says nothing: each keeps a session from others.
final class Crowd {
    private var sockets: [Int32] = []

    init(at port: Int, sessions: Int) throws {
        for _ in 0..<sessions {
            let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard socket >= 0 else { break }
            guard LocalPort.withAddress(port, { connect(socket, $0, $1) }) == 0 else {
                close(socket)
                break
            }
            sockets.append(socket)
        }
    }

    func leave() {
        for socket in sockets { close(socket) }
        sockets = []
    }

    deinit { leave() }
}
