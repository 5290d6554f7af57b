import JSON
import Orders

/// The last ten minutes in few numbers, so that a dashboard that is opened has a past to draw.
struct DashboardHistory {
    private var states: [ShopState] = []

    /// Seconds.
    static let length: Int64 = 600

    mutating func append(_ state: ShopState) {
        // Only what is drawn is kept.
        var point = ShopState()
        point.at = state.at
        point.ordersPerSecond = state.ordersPerSecond
        point.confirmedPerSecond = state.confirmedPerSecond
        point.cancelledPerSecond = state.cancelledPerSecond
        point.startedPerSecond = state.startedPerSecond
        point.acceptance = state.acceptance
        states.removeAll { state.at - $0.at > Self.length * 1_000_000 }
        states.append(point)
    }

    var json: [UInt8] {
        var json = JSONWriter(capacity: 128 * states.count + 64)
        json.object { json in
            json.field("seconds", Self.length)
            json.key("points")
            json.array { json in
                for state in states {
                    json.object {
                        $0.time("at", state.at)
                        $0.number("ordersPerSecond", state.ordersPerSecond)
                        $0.number("startedPerSecond", state.startedPerSecond)
                        $0.number("confirmedPerSecond", state.confirmedPerSecond)
                        $0.number("cancelledPerSecond", state.cancelledPerSecond)
                        $0.number("p50", state.acceptance.median)
                        $0.number("p99", state.acceptance.p99)
                    }
                }
            }
        }
        return json.bytes
    }
}
