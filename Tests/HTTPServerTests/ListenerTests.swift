import CEpoll
import Glibc
import HTTPServer
import Testing

@Suite struct ListenerTests {
    private static func server(_ host: String, port: UInt16 = 0, loops: Int = 2) -> HTTPServer {
        var configuration = HTTPServerConfiguration(host: host, port: port)
        configuration.loops = loops
        return HTTPServer(configuration, router: TestRoutes().router())
    }

    /// The kernel's epoll_event is packed on x86-64 only; a wrong import would shift the data.
    @Test func epollEventIsLaidOutAsTheKernelHasIt() {
        #if arch(x86_64)
            #expect(MemoryLayout<epoll_event>.stride == 12)
            #expect(MemoryLayout<epoll_event>.offset(of: \.data) == 4)
        #else
            #expect(MemoryLayout<epoll_event>.stride == 16)
            #expect(MemoryLayout<epoll_event>.offset(of: \.data) == 8)
        #endif
    }

    @Test func epollReturnsTheDataOfEachEvent() throws {
        let epoll = epoll_create1(0)
        defer { close(epoll) }
        let descriptors = (0..<3).map { _ in eventfd(1, 0) }
        defer { for descriptor in descriptors { close(descriptor) } }
        for (index, descriptor) in descriptors.enumerated() {
            let data = epoll_data_t(u64: 0xFEDC_BA98_7654_3210 &+ UInt64(index))
            var event = epoll_event(events: EPOLLIN.rawValue, data: data)
            #expect(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0)
        }
        var events = [epoll_event](repeating: epoll_event(), count: 4)
        #expect(epoll_wait(epoll, &events, 4, 0) == 3)
        #expect(
            Set(events.prefix(3).map(\.data.u64)) == [
                0xFEDC_BA98_7654_3210, 0xFEDC_BA98_7654_3211, 0xFEDC_BA98_7654_3212,
            ])
    }

    @Test(arguments: ["127.0.0.1", "::1", "localhost"])
    func bindsIPv4AndIPv6(_ host: String) async throws {
        let server = Self.server(host)
        let addresses = try server.start()
        #expect(!addresses.isEmpty)
        #expect(Set(addresses.map(\.port)).count == 1)
        for address in addresses {
            #expect(address.description == (address.isIPv6 ? "[::1]:\(address.port)" : "127.0.0.1:\(address.port)"))
            let client = try RawClient(port: address.port, host: address.address)
            try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response().status == 200)
        }
        await server.stop(deadline: .zero)
    }

    /// 192.0.2.1 is nobody's (RFC 5737); a space is in no name.
    @Test(arguments: ["192.0.2.1", "no such host"])
    func aHostThatIsNotOursIsAMisconfiguration(host: String) {
        let error = #expect(throws: HTTPServerError.self) { try Self.server(host).start() }
        #expect(error?.isMisconfiguration == true)
    }

    /// A name server that doesn't answer may do so later; one that knows no such name won't know it then.
    @Test func aNameServerThatIsAwayIsNoMisconfiguration() {
        let codes = [EAI_AGAIN, EAI_SYSTEM, EAI_MEMORY, EAI_NONAME, EAI_FAIL]
        let errors = codes.map { HTTPServerError.unresolved(host: "shop.example", code: $0) }
        #expect(errors.map(\.isMisconfiguration) == [false, false, false, true, true])
        #expect(errors.allSatisfy { $0.description.hasPrefix("can't resolve shop.example: ") })
    }

    @Test func aPortInUseIsNoMisconfiguration() async throws {
        let first = Self.server("127.0.0.1")
        let port = try first.start()[0].port
        let error = #expect(throws: HTTPServerError.self) { try Self.server("127.0.0.1", port: port).start() }
        #expect(error?.isMisconfiguration == false)
        await first.stop(deadline: .zero)
    }

    /// Every loop accepts: with 64 connections over four loops, none without one (2 · 10⁻⁸).
    @Test func allLoopsShareThePort() async throws {
        let server = Self.server("127.0.0.1", loops: 4)
        let port = try server.start()[0].port
        for _ in 0..<64 {
            let client = try RawClient(port: port)
            try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response().status == 200)
        }
        await server.stop(deadline: .zero)
    }

    @Test func portInUseIsAnErrorDespiteReusePort() async throws {
        let first = Self.server("127.0.0.1")
        let port = try first.start()[0].port
        let second = Self.server("127.0.0.1", port: port)
        #expect {
            try second.start()
        } throws: { error in
            guard case .bind(_, port, EADDRINUSE) = error as? HTTPServerError else { return false }
            return "\(error)".contains("port \(port)")
        }
        await first.stop(deadline: .zero)
        let third = Self.server("127.0.0.1", port: port)
        #expect(try third.start()[0].port == port)
        await third.stop(deadline: .zero)
    }

    @Test func unknownHostIsAnError() {
        #expect(throws: HTTPServerError.self) { try Self.server("no such host").start() }
        #expect(throws: HTTPServerError.self) { try Self.server("192.0.2.1").start() }
    }

    @Test func startsOnce() async throws {
        let server = Self.server("127.0.0.1")
        _ = try server.start()
        #expect(throws: HTTPServerError.self) { try server.start() }
        await server.stop(deadline: .zero)
    }
}
