import Glibc

/// Connecting, once per connection and before anything is measured.
enum LoadSocket {
    /// A connected socket that doesn't block and doesn't wait to fill segments.
    static func connect(host: String, port: UInt16) throws(LoadError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let first = found else {
            throw .unknownHost(host, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(first) }
        var candidate: UnsafeMutablePointer<addrinfo>? = first
        var reason: Int32 = 0
        while let address = candidate {
            let descriptor = socket(
                address.pointee.ai_family, address.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue),
                address.pointee.ai_protocol)
            if descriptor >= 0 {
                if Glibc.connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 {
                    prepare(descriptor)
                    return descriptor
                }
                reason = errno
                close(descriptor)
            } else {
                reason = errno
            }
            candidate = address.pointee.ai_next
        }
        throw .cannotConnect("\(host):\(port)", reason: String(cString: strerror(reason)))
    }

    private static func prepare(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
}
