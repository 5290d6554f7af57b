import Execution
import HTTPServer
import Testing

/// A handler that lets a request wait is told when its client has gone.
@Suite struct PeerTests {
    private static let request = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func watch(_ responder: Responder) -> Monitor<Int> {
        let told = Monitor(0)
        responder.onPeerEnded { told.update { $0 += 1 } }
        return told
    }

    private static func isTold(_ told: Monitor<Int>) -> Bool {
        told.wait(for: .seconds(10)) { $0 == 1 ? true : nil } == true
    }

    @Test(arguments: [true, false])
    func theHandlerIsTold(_ isReset: Bool) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.request)
            let responder = try server.routes.nextWaiting()
            let told = Self.watch(responder)
            if isReset { client.abort() } else { client.finishSending() }
            // A responder that is dropped answers by itself.
            withExtendedLifetime(responder) { #expect(Self.isTold(told)) }
        }
    }

    /// Whoever asks and leaves at once may be gone before anybody wants to know.
    @Test func whoHasGoneBeforeIsToldOf() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.request)
            client.finishSending()
            let responder = try server.routes.nextWaiting()
            #expect(Self.isTold(Self.watch(responder)))
            // It only shut its side: the answer still reaches it.
            responder.send(.text(.ok, "late"))
            #expect(try client.response().body == "late")
            client.abort()
            let gone = try server.client()
            try gone.send(Self.request)
            let other = try server.routes.nextWaiting()
            gone.abort()
            eventually("both are gone") { server.server.openConnections == 0 }
            withExtendedLifetime(other) { #expect(Self.isTold(Self.watch(other))) }
        }
    }

    @Test func nobodyIsToldAfterTheAnswer() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.request)
            let responder = try server.routes.nextWaiting()
            let told = Self.watch(responder)
            responder.send(.text(.ok, "late"))
            #expect(try client.response().body == "late")
            let afterwards = Self.watch(responder)
            client.abort()
            eventually("it is gone") { server.server.openConnections == 0 }
            #expect(told.withLock { $0 } == 0 && afterwards.withLock { $0 } == 0)
        }
    }
}
