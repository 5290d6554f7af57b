import Foundation
import TestServers
import TestShop
import Testing

/// A process that stands still for a while, by SIGSTOP or because its machine does, and goes on.
@Suite(.serialized, .servers) struct StoppedProcessTests {
    /// Whoever sent the rest of a request meanwhile was in time: it is the server that wasn't there.
    @Test func noClientIsLateForIt() async throws {
        let shop = try Shop(settings: ["ORDERFLOW_HTTP_HEAD_TIMEOUT": "3s"])
        let query = try shop.daemon("query")
        try query.start()
        try await query.waitUntilReady()
        let descriptors = (0..<8).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        defer { for descriptor in descriptors { close(descriptor) } }
        func send(_ text: String) {
            for descriptor in descriptors {
                #expect(Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count)
            }
        }
        for descriptor in descriptors {
            #expect(LocalPort.withAddress(query.port) { connect(descriptor, $0, $1) } == 0)
        }
        send("GET /livez HTTP/1.1\r\nHo")
        // Every loop has been round since.
        for _ in 0..<8 { #expect(try await query.client.get("/livez").status == 200) }
        try query.pause()
        send("st: localhost\r\n\r\n")
        // Longer than a head may take.
        try await Task.sleep(for: .milliseconds(3_300))
        try query.resume()
        for descriptor in descriptors {
            var answer = [UInt8](repeating: 0, count: 15)
            let count = recv(descriptor, &answer, answer.count, Int32(MSG_WAITALL))
            #expect(String(decoding: answer.prefix(max(0, count)), as: UTF8.self) == "HTTP/1.1 200 OK")
        }
        #expect(try query.terminate() == 0)
    }
}
