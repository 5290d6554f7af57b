import Execution
import HTTPServer

/// Serves `router` on a port while `body` runs on a thread of its own, since clients block; `parts` run meanwhile.
func serving(
    _ router: Router, with parts: [ThreadGroup.Part], _ body: @escaping @Sendable (_ port: UInt16) throws -> Void
) async throws {
    let server = HTTPServer(
        HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router, observer: nil, logger: quiet)
    let port = try server.start()[0].port
    let stop = StopSignal()
    let threads = DedicatedThread.start("parts") { try? ThreadGroup.run(parts, until: stop) }
    let result: Result<Void, any Error>
    do {
        try await DedicatedThread.run("client") { try body(port) }
        result = .success(())
    } catch {
        result = .failure(error)
    }
    await server.stop(deadline: .zero)
    stop.stop()
    _ = try await DedicatedThread.run("join") { threads.join(timeout: .seconds(10)) }
    try result.get()
}
