import Execution
import Glibc
import Testing

@testable import HTTPServer

/// Answers that come later, from elsewhere, twice or never.
@Suite struct ResponderTests {
    private static let later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func answersFromAnotherThread() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            for number in 0..<50 {
                try client.send(Self.later)
                let responder = try server.routes.nextWaiting()
                DedicatedThread.start("writer") { responder.send(.text(.created, "\(number)")) }
                let response = try client.response()
                #expect(response.status == 201)
                #expect(response.body == "\(number)")
            }
        }
    }

    @Test func manyAnswersInABatch() async throws {
        try await TestServer.run { server in
            let clients = try (0..<64).map { _ in try server.client() }
            for client in clients { try client.send(Self.later) }
            let responders = try clients.map { _ in try server.routes.nextWaiting() }
            DedicatedThread.start("writer") {
                Responder.batch { for responder in responders { responder.send(.text(.ok, "done")) } }
            }
            for client in clients { #expect(try client.response().body == "done") }
        }
    }

    /// The eventfd counts the writes.
    @Test func aBatchWakesALoopOnce() throws {
        let mailbox = try Mailbox()
        func wakeUps() -> UInt64 {
            var count: UInt64 = 0
            return read(mailbox.eventDescriptor, &count, 8) == 8 ? count : 0
        }
        let message = Mailbox.Message.streamReady(Mailbox.Ticket(token: 1, serial: 1))
        Responder.batch {
            for _ in 0..<64 { #expect(mailbox.post(message)) }
            #expect(wakeUps() == 0)
        }
        #expect(wakeUps() == 1)
        // Outside of a batch only the first does, until the loop has looked.
        var messages: [Mailbox.Message] = []
        mailbox.collect(into: &messages)
        #expect(messages.count == 64)
        for _ in 0..<64 { #expect(mailbox.post(message)) }
        #expect(wakeUps() == 1)
        // What the loop took already needs no wake-up at the end of a batch.
        messages = []
        mailbox.collect(into: &messages)
        Responder.batch {
            #expect(mailbox.post(message))
            messages = []
            mailbox.collect(into: &messages)
        }
        #expect(wakeUps() == 0)
        // A batch that ends while another thread's wake-up is on its way adds none.
        #expect(mailbox.post(message))
        Responder.batch { #expect(mailbox.post(message)) }
        #expect(wakeUps() == 1)
        mailbox.close()
        #expect(!mailbox.post(message))
    }

    /// One at a time: the second handler runs only after the first request is answered.
    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later + Self.get + Self.later + Self.get)
            let first = try server.routes.nextWaiting()
            #expect(server.routes.waiting.withLock { $0.isEmpty })
            first.send(.text(.ok, "first"))
            #expect(try client.response().body == "first")
            #expect(try client.response().body == "hello")
            try server.routes.nextWaiting().send(.text(.ok, "second"))
            #expect(try client.response().body == "second")
            #expect(try client.response().body == "hello")
        }
    }

    @Test func onlyTheFirstAnswerCounts() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("GET /twice HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get)
            #expect(try client.response().body == "first")
            #expect(try client.response().body == "hello")
            try client.send(Self.later)
            let responder = try server.routes.nextWaiting()
            responder.send(.text(.ok, "first"))
            responder.send(.text(.ok, "second"))
            #expect(!responder.stream().isOpen)
            #expect(try client.response().body == "first")
            try client.send(Self.get)
            #expect(try client.response().body == "hello")
        }
    }

    @Test func droppedResponderAnswers500() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get)
            #expect(try client.response().status == 500)
            #expect(try client.response().body == "hello")
            try client.send(Self.later)
            _ = try server.routes.nextWaiting()
            #expect(try client.response().status == 500)
        }
    }

    @Test func answerToADeadConnectionIsHarmless() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later)
            let responder = try server.routes.nextWaiting()
            client.abort()
            eventually("the server noticed") { server.server.openConnections == 0 }
            // The slot has a new tenant, who mustn't get it.
            let next = try server.client()
            try next.send(Self.later)
            let nextResponder = try server.routes.nextWaiting()
            responder.send(.text(.ok, "not for you"))
            nextResponder.send(.text(.ok, "for you"))
            #expect(try next.response().body == "for you")
        }
    }

    @Test func responderOutlivesTheServer() async throws {
        let kept = Monitor<Responder?>(nil)
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later)
            let responder = try server.routes.nextWaiting()
            kept.update { $0 = responder }
        }
        let responder = try #require(kept.withLock { $0 })
        responder.send(.text(.ok, "too late"))
        #expect(!responder.stream().isOpen)
    }

    @Test func halfClosedClientStillGetsItsAnswer() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later + Self.get)
            client.finishSending()
            try server.routes.nextWaiting().send(.text(.ok, "late"))
            #expect(try RawResponse.all(client.receiveAll()).map(\.body) == ["late", "hello"])
        }
    }

    @Test func observerSeesEveryRequest() async throws {
        let observer = CountingObserver()
        try await TestServer.run(observer: observer) { server in
            let responses = try server.exchange(
                "GET /orders/5 HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n"
            )
            #expect(responses.map(\.status) == [200, 404, 400])
            #expect(
                try server.exchange("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n").map(\.status) == [
                    413
                ])
            let finished = observer.finished.withLock { $0 }
            #expect(finished.map(\.status) == [200, 404, 400, 413])
            #expect(finished.map(\.route) == ["/orders/:id", nil, nil, "/small"])
            #expect(finished.map(\.method) == [.get, .get, nil, .post])
            #expect(finished[0].requestBytes == 35)
            #expect(finished.allSatisfy { $0.responseBytes > 50 && $0.nanoseconds < 10_000_000_000 })
        }
        #expect(observer.connections.withLock { $0.opened == 2 && $0.closed == 2 })
    }
}
