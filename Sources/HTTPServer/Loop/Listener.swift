import CEpoll
import Glibc

/// The listening sockets: for each loop one per bound address, which share a port by SO_REUSEPORT so that the kernel
/// spreads connections over the loops.
struct Listeners {
    /// `sockets[loop]` has one socket for each of `addresses`.
    private(set) var sockets: [[Int32]]
    private(set) var addresses: [SocketAddress] = []

    static func open(_ configuration: HTTPServerConfiguration) throws(HTTPServerError) -> Listeners {
        var listeners = Listeners(sockets: Array(repeating: [], count: configuration.loops))
        do throws(HTTPServerError) {
            try listeners.openAll(configuration)
        } catch {
            listeners.close()
            throw error
        }
        return listeners
    }

    func close() {
        for socket in sockets.joined() { Glibc.close(socket) }
    }

    private mutating func openAll(_ configuration: HTTPServerConfiguration) throws(HTTPServerError) {
        var port = configuration.port
        for var address in try Self.resolve(configuration.host) {
            address.port = port
            // A second server of the same user could join a reuse-port group unnoticed, and would take half of the
            // connections. A socket without the option finds out.
            if port != 0 { Glibc.close(try Self.listen(address, configuration, sharesPort: false)) }
            for loop in 0..<configuration.loops {
                let socket = try Self.listen(address, configuration, sharesPort: true)
                sockets[loop].append(socket)
                if address.port == 0 { address.port = try Self.localAddress(of: socket).port }
            }
            port = address.port
            if let socket = sockets[0].last { addresses.append(try Self.localAddress(of: socket)) }
        }
    }

    /// A socket address ready for `bind`.
    private struct Target {
        var storage: sockaddr_storage
        var length: socklen_t
        var host: String

        var port: UInt16 {
            get { SocketAddress(storage).port }
            set {
                // The port lies at the same place for both families.
                withUnsafeMutableBytes(of: &storage) {
                    $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
                }
            }
        }
    }

    private static func resolve(_ host: String) throws(HTTPServerError) -> [Target] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else { throw .unresolved(host: host, code: code) }
        defer { freeaddrinfo(list) }
        var targets: [Target] = []
        var seen: Set<SocketAddress> = []
        var entry = list
        while let info = entry?.pointee {
            entry = info.ai_next
            guard let address = info.ai_addr, info.ai_family == AF_INET || info.ai_family == AF_INET6 else { continue }
            var storage = sockaddr_storage()
            memcpy(&storage, address, Int(info.ai_addrlen))
            if seen.insert(SocketAddress(storage)).inserted {
                targets.append(Target(storage: storage, length: info.ai_addrlen, host: host))
            }
        }
        guard !targets.isEmpty else { throw .unresolved(host: host, code: EAI_NONAME) }
        return targets
    }

    private static func listen(
        _ target: Target, _ configuration: HTTPServerConfiguration, sharesPort: Bool
    ) throws(HTTPServerError) -> Int32 {
        let family = Int32(target.storage.ss_family)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", errno: errno) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if sharesPort { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        // Accepted sockets inherit it, which saves a call for each.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, to: unsentInKernel)
        if family == AF_INET6, target.host != "::" { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        var storage = target.storage
        let bound = withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, target.length) }
        }
        guard bound == 0, Glibc.listen(descriptor, configuration.limits.backlog) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw .bind(host: target.host, port: target.port, errno: code)
        }
        return descriptor
    }

    /// What the kernel takes ahead of what it may send (tcp(7), TCP_NOTSENT_LOWAT): enough to fill the gap until the loop
    /// is back, instead of megabytes for each client that doesn't read.
    private static let unsentInKernel: Int32 = 128 << 10

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, to value: Int32 = 1) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func localAddress(of descriptor: Int32) throws(HTTPServerError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard code == 0 else { throw .system(call: "getsockname", errno: errno) }
        return SocketAddress(storage)
    }
}
