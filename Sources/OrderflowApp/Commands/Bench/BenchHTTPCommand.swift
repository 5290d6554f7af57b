import ArgumentParser
import Bench
import Execution
import HTTPServer
import Logging
import OrderAPI
import OrderflowKit
import Orders
import Terminal

struct BenchHTTPCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Post orders to the HTTP server alone.",
        discussion: """
            Runs the API's own server and handler in this process, without anything to store an order in: requests are \
            parsed and checked, the event and the answer are written, and the answer is sent at once. What is missing \
            from these figures to those of `orderflow bench orders` is the price of durability.

            EXAMPLES
              orderflow bench http --connections 64
            """)

    @OptionGroup var load: LoadOptions

    @Flag(help: "One JSON object.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let router = Router([
            Routes(needing: .ordersWrite) {
                Post("/orders", .bodyLimit(64 << 10)) { request, context in
                    try OrderIntake(OrderRequest(json: request.body), context).answer
                }
            }
        ])
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        if let loops = settings.http.loops { configuration.loops = loops }
        let server = HTTPServer(
            configuration, router: router, observer: HTTPMetrics(), logger: Logger(label: "bench"))
        guard let port = try server.start().first?.port else { return }
        let plan = load.plan(try BenchTarget("http://127.0.0.1:\(port)"))
        let report = try await DedicatedThread.run("bench") {
            var before = 0.0
            let result = try LoadGenerator(plan).run { before = ProcessUsage.own() }
            let cost = RoleUsage.Cost(
                name: "server + bench", cpuSeconds: ProcessUsage.own() - before, memoryBytes: 0)
            return BenchReport(plan: plan, result: result, costs: [cost])
        }
        await server.stop(deadline: .seconds(1))
        tell(json ? report.json : report.table)
    }
}
