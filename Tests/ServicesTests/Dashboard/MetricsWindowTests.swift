import JSON
import Testing

@testable import Operations
@testable import OrderflowKit

@Suite struct MetricsWindowTests {
    private func scrape(_ at: Double, _ exposition: String) -> RoleScrape {
        RoleScrape(
            at: at, readiness: RoleReadiness(HealthRegistry().report), exposition: Array(exposition.utf8),
            attention: .null)
    }

    private func orders(_ at: Double, _ count: Int, status: Int = 201) -> RoleScrape {
        scrape(
            at,
            """
            # HELP orderflow_http_requests_total Answered requests.
            # TYPE orderflow_http_requests_total counter
            orderflow_http_requests_total{method="POST",route="/orders",status="\(status)"} \(count)
            orderflow_other_total 7
            """)
    }

    @Test func onlyWhatIsAskedForIsRead() {
        let metrics = orders(0, 5).metrics
        #expect(metrics.families.keys.sorted() == ["orderflow_http_requests_total"])
        let labels = #"method="POST",route="/orders",status="201""#
        #expect(metrics["orderflow_http_requests_total"] == [labels: 5])
        #expect(MetricsText.label("route", in: labels) == "/orders")
        #expect(MetricsText.label("status", in: labels) == "201")
        #expect(MetricsText.label("out", in: labels) == nil)
        #expect(MetricsText.label("x", in: "broken") == nil)
    }

    @Test func ratesAreTakenOverTheWindow() {
        let past = [orders(0, 0), orders(2, 100), orders(4, 110), orders(6, 130)]
        #expect(MetricsWindow([past], seconds: 4).rate("orderflow_http_requests_total") == 7.5)
        // As far back as is known.
        #expect(MetricsWindow([past], seconds: 60).rate("orderflow_http_requests_total") == 130.0 / 6)
        #expect(MetricsWindow([[orders(0, 5)]], seconds: 4).rate("orderflow_http_requests_total") == nil)
        // Two processes.
        let two = MetricsWindow([past, past], seconds: 4)
        #expect(two.rate("orderflow_http_requests_total") == 15)
        #expect(two.rate("orderflow_http_requests_total") { $0.contains("503") } == 0)
    }

    @Test func aRestartIsNoStepBack() {
        let past = [orders(0, 1_000), orders(2, 4)]
        #expect(MetricsWindow([past], seconds: 1).rate("orderflow_http_requests_total") == 2)
        // A series that wasn't there before began with nothing.
        let new = [orders(0, 1_000), orders(2, 6, status: 503)]
        #expect(MetricsWindow([new], seconds: 1).rate("orderflow_http_requests_total") { $0.contains("503") } == 3)
    }

    @Test func quantilesAreThoseOfPrometheus() {
        func histogram(_ at: Double, _ counts: [Int]) -> RoleScrape {
            let lines = zip(["0.01", "0.1", "1", "+Inf"], counts).map {
                #"orderflow_saga_step_seconds_bucket{saga="f",step="payment",le="\#($0)"} \#($1)"#
            }
            return scrape(at, lines.joined(separator: "\n"))
        }
        let window = MetricsWindow([[histogram(0, [10, 10, 10, 10]), histogram(5, [60, 100, 109, 110])]], seconds: 1)
        let distribution = window.distribution("orderflow_saga_step_seconds") { $0.contains(#"step="payment""#) }
        // New: 50 up to 0.01, 40 more up to 0.1, 9 up to 1, 1 beyond.
        #expect(distribution.count == 100)
        #expect(distribution.quantile(0.5) == 0.01)
        #expect(distribution.quantile(0.7).map { abs($0 - 0.055) < 1e-9 } == true)
        #expect(distribution.quantile(0.99).map { abs($0 - 1) < 1e-9 } == true)
        #expect(distribution.quantile(1) == 1)
        #expect(window.distribution("orderflow_saga_seconds").quantile(0.5) == nil)
    }
}
