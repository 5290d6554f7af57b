import JSON
import Testing

@testable import Operations
@testable import OrderflowKit

/// What the dashboard makes of what processes say.
@Suite struct ShopStateTests {
    private func scrape(
        _ at: Double, ready: [String: HealthStatus] = [:], _ metrics: [String] = [], attention: JSONValue = .null
    ) -> RoleScrape {
        let health = HealthRegistry()
        for (name, status) in ready { health.register(name) { status } }
        return RoleScrape(
            at: at, readiness: RoleReadiness(health.report), exposition: Array(metrics.joined(separator: "\n").utf8),
            attention: attention)
    }

    private func shop(_ probes: [(String, RoleProbe.State)]) -> ShopState {
        ShopState(
            probes.map { (RoleAddress(role: $0.0, url: "http://\($0.0)", isExpected: $0.0 != "query"), $0.1) },
            of: ServiceCatalogue.fulfilment.lanes, at: 1_767_225_600_000_000, now: 10)
    }

    private func answering(_ scrapes: RoleScrape...) -> RoleProbe.State {
        RoleProbe.State(scrapes: scrapes)
    }

    private let away = RoleProbe.State(scrapes: [], failure: "Couldn't connect to server", failures: 1)

    @Test func aShopThatIsWellHasNoConcerns() {
        let state = shop([("api", answering(scrape(0))), ("payment", answering(scrape(0))), ("query", away)])
        #expect(state.concerns.isEmpty && state.verdict == nil)
        // Queries are answered by the API too: a role that nobody needs isn't missed.
        #expect(state.roles.map(\.role) == ["api", "payment"])
        #expect(state.roles.allSatisfy { $0.standing == .ready })
    }

    @Test func whoIsAwayOrUnwellIsNamed() {
        let state = shop([
            ("api", answering(scrape(0, ready: ["views": .degraded("slow")]))), ("payment", away),
            ("saga", answering(scrape(0, ready: ["database saga": .notReady("connection refused")]))),
            ("shipping", RoleProbe.State()),
        ])
        #expect(state.verdict == .critical)
        #expect(state.concerns.map(\.role) == ["payment", "saga", "api"])
        #expect(state.concerns.map(\.level) == [.critical, .critical, .warning])
        #expect(state.concerns[0].detail.contains("Couldn't connect"))
        #expect(state.concerns[1].detail == "database saga: connection refused")
        #expect(state.roles.map(\.standing) == [.degraded, .silent, .notReady, .unknown])
    }

    @Test func oneQuestionWithoutAnAnswerIsNoAbsence() {
        var state = answering(scrape(0))
        state.failures = 1
        #expect(shop([("api", state)]).concerns.isEmpty)
        state.failures = 2
        #expect(shop([("api", state)]).concerns.map(\.title) == ["api doesn't answer"])
    }

    /// Whatever a process, or somebody in its place, writes for a number.
    @Test(arguments: ["NaN", "+Inf", "-Inf", "1e300", "-1e300", "9.3e18", "1e999", "-0", "0x1p99", "", "x"])
    func measuresThatAreNoMeasures(_ value: String) throws {
        let families = [
            "orderflow_relay_lag_seconds{source=\"events\"}", "orderflow_relay_backlog_rows{source=\"events\"}",
            "orderflow_consumer_lag_messages{group=\"g\"}", "orderflow_consumer_held_up{group=\"g\"}",
            "orderflow_consumer_open_letters{group=\"g\",status=\"dead\"}", "orderflow_sagas{status=\"running\"}",
            "orderflow_sagas_attention", "orderflow_saga_waiting_steps{step=\"stock\"}",
            "orderflow_payments_oldest_seconds", "orderflow_mail_queue_oldest_seconds", "orderflow_view_lag_seconds",
            "orderflow_view_differing_orders", "process_resident_memory_bytes", "orderflow_eventstore_queue_depth",
            "orderflow_eventstore_queue_limit", "orderflow_consumer_messages_total{group=\"g\"}",
            "orderflow_consumer_transaction_seconds_bucket{group=\"g\",le=\"\(value)\"}",
        ]
        let lines = families.map { "\($0) \(value)" }
        for role in ["saga", "api", "payment"] {
            let state = shop([(role, answering(scrape(0), scrape(20, lines), scrape(40, lines + lines)))])
            _ = try JSONValue(parsing: state.json)
        }
    }

    @Test func readModelsThatAreLateOrWrongAreTold() {
        let metrics = ["orderflow_view_lag_seconds 40", #"orderflow_view_differing_orders{read_model="orders"} 2"#]
        let state = shop([("projection", answering(scrape(0, metrics)))])
        #expect(
            state.concerns.map(\.title) == [
                "Orders show late", "2 orders show otherwise than the event store has it",
            ])
        #expect(state.verdict == .warning)
    }

    @Test func oneBadMessageIsOneConcernForAllGroups() {
        let groups = ["a-group", "b-group", "c-group", "d-group"]
        let letters = groups.map { group -> JSONValue in
            [
                "letter": .string("x/\(group)"), "group": .string(group), "error": "bad", "topic": "t", "partition": 1,
                "offset": 7,
            ]
        }
        let metrics = groups.flatMap { group in
            [
                "orderflow_consumer_held_up{group=\"\(group)\"} 0",
                "orderflow_consumer_open_letters{group=\"\(group)\",status=\"dead\"} 1",
            ]
        }
        let state = shop([("x", answering(scrape(0, metrics, attention: ["role": "x", "letters": .array(letters)])))])
        #expect(state.concerns.map(\.title) == ["1 message can't be handled"])
        #expect(state.concerns.first?.detail == "by a-group, b-group and 2 more groups: bad")
    }

    @Test func oneOfSeveralProcessesMayBeAway() {
        let one = scrape(0, attention: ["process": "a", "role": "payment"])
        let state = shop([("payment", answering(one)), ("payment", away), ("payment", answering(one))])
        let role = state.roles[0]
        #expect(state.roles.count == 1 && role.standing == .degraded)
        // The third address is that of the first process.
        #expect(role.processes == 1)
        #expect(state.concerns.map(\.level) == [.warning])
    }

    @Test func stuckOrdersAndDeadLettersComeWithTheirReason() {
        let letter: JSONValue = [
            "letter": "shipping/17", "group": "shipping-group", "error": "not JSON", "status": "dead",
        ]
        let stuck: JSONValue = ["orderId": "o-1", "attention": "undoing payment keeps being refused"]
        let state = shop([
            (
                "shipping",
                answering(
                    scrape(
                        0,
                        [
                            #"orderflow_consumer_held_up{group="shipping-group"} 0"#,
                            #"orderflow_consumer_open_letters{group="shipping-group",status="dead"} 1"#,
                            #"orderflow_consumer_open_letters{group="shipping-group",status="parked"} 3"#,
                        ], attention: ["role": "shipping", "letters": .array([letter])]))
            ),
            (
                "saga",
                answering(
                    scrape(
                        0,
                        [
                            #"orderflow_sagas_attention{saga="fulfilment"} 1"#,
                            #"orderflow_saga_waiting_steps{progress="undo-refused",saga="fulfilment",step="payment"} 4"#,
                        ],
                        attention: ["role": "saga", "stuck": .array([stuck])]))
            ),
        ])
        #expect(state.concerns.map(\.title) == ["1 order is stuck", "1 message can't be handled"])
        #expect(state.concerns[0].detail == "undoing payment keeps being refused")
        #expect(state.concerns[1].detail == "by shipping-group: not JSON; 3 of the same key wait behind")
        #expect(state.concerns[1].remedy == "orderflow deadletters show shipping/17")
        #expect(state.steps.first { $0.step == "payment" }?.waiting == 4)
        #expect(state.letters.count == 1 && state.stuck.count == 1)
    }

    /// Each order once, with its standing where that is known.
    @Test func ordersBehindLettersAreNamed() {
        func letter(_ number: Int, _ group: String, _ order: String, _ tenant: String = "default") -> JSONValue {
            [
                "letter": .string("\(group)/\(number)"), "group": .string(group), "orderId": .string(order),
                "tenant": .string(tenant),
            ]
        }
        let state = shop([
            (
                "shipping",
                answering(
                    scrape(
                        0,
                        attention: [
                            "role": "shipping",
                            "letters": .array([letter(3, "shipping", "o-1"), letter(2, "shipping", "o-1", "acme")]),
                        ]))
            ),
            (
                "payment",
                answering(scrape(0, attention: ["role": "payment", "letters": .array([letter(9, "payment", "o-1")])]))
            ),
            (
                "saga",
                answering(
                    scrape(
                        0,
                        attention: [
                            "role": "saga", "letters": .array([]),
                            "waiting": .array([["orderId": "o-1", "tenant": "default", "status": "running"]]),
                        ]))
            ),
        ])
        #expect(
            state.held.map { "\($0.tenant)/\($0.orderID) \($0.letter)" } == [
                "default/o-1 payment/9", "acme/o-1 shipping/2",
            ])
        #expect(state.held[0].groups == ["payment", "shipping"] && state.held[0].status == "running")
        #expect(state.held[1].groups == ["shipping"] && state.held[1].status == nil)
    }

    @Test func theSlowServiceIsNamed() {
        func saga(_ at: Double, _ count: Int) -> RoleScrape {
            scrape(
                at,
                [
                    #"orderflow_saga_step_seconds_bucket{saga="fulfilment",step="payment",le="2.5"} 0"#,
                    #"orderflow_saga_step_seconds_bucket{saga="fulfilment",step="payment",le="5"} \#(count)"#,
                    #"orderflow_saga_step_seconds_bucket{saga="fulfilment",step="payment",le="+Inf"} \#(count)"#,
                    #"orderflow_saga_step_seconds_bucket{saga="fulfilment",step="stock",le="0.01"} \#(count)"#,
                    #"orderflow_saga_step_seconds_bucket{saga="fulfilment",step="stock",le="+Inf"} \#(count)"#,
                ])
        }
        func shipping(_ at: Double, _ done: Int) -> RoleScrape {
            scrape(
                at,
                [
                    #"orderflow_consumer_held_up{group="shipping-group"} 0"#,
                    #"orderflow_consumer_lag_messages{group="shipping-group",partition="0",topic="t"} 5000"#,
                    #"orderflow_consumer_messages_total{group="shipping-group",outcome="handled"} \#(done)"#,
                ])
        }
        let state = shop([
            ("saga", answering(saga(0, 0), saga(10, 50))),
            ("shipping", answering(shipping(0, 0), shipping(10, 500))),
        ])
        #expect(state.concerns.map(\.title) == ["shipping-group is behind", "payment is slow"])
        #expect(state.concerns[0].detail == "5000 records wait, about 100 s at its present speed")
        #expect(state.concerns[1].detail.contains("3.8 s"))
        #expect(state.verdict == .warning)
    }

    @Test func whatIsSentIsJSONWithEveryField() throws {
        let state = shop([("api", answering(scrape(0), scrape(2))), ("payment", away)])
        let json = try JSONValue(parsing: state.json)
        #expect(
            json.object?.members.map(\.name) == [
                "at", "verdict", "concerns", "ordersPerSecond", "errorsPerSecond", "acceptance", "fulfilment", "sagas",
                "steps", "roles", "stuck", "waiting", "letters", "webhooks", "held",
            ])
        #expect(json["at"] == "2026-01-01T00:00:00.000000Z" && json["verdict"] == "critical")
        var history = DashboardHistory()
        history.append(state)
        #expect(try JSONValue(parsing: history.json)["points"]?.array?.count == 1)
        // What is older than ten minutes isn't drawn.
        var later = state
        later.at += 601_000_000
        history.append(later)
        #expect(try JSONValue(parsing: history.json)["points"]?.array?.count == 1)
    }
}
