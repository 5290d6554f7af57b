import JSON
import OrderflowKit
import Orders

extension ShopState {
    /// What the dashboard is sent.
    var json: [UInt8] {
        var json = JSONWriter(capacity: 8 << 10)
        json.object { json in
            json.time("at", at)
            json.field("verdict", verdict?.rawValue ?? "well")
            json.key("concerns")
            json.array { json in
                for concern in concerns {
                    json.object {
                        $0.field("level", concern.level.rawValue)
                        $0.field("role", concern.role)
                        $0.field("title", concern.title)
                        $0.field("detail", concern.detail)
                        $0.field("remedy", concern.remedy)
                    }
                }
            }
            json.number("ordersPerSecond", ordersPerSecond)
            json.number("errorsPerSecond", errorsPerSecond)
            json.latency("acceptance", acceptance)
            json.latency("fulfilment", fulfilment)
            json.number("startedPerSecond", startedPerSecond)
            json.number("confirmedPerSecond", confirmedPerSecond)
            json.number("cancelledPerSecond", cancelledPerSecond)
            json.key("sagas")
            json.object { json in
                json.field("running", sagas["running"] ?? 0)
                json.field("compensating", sagas["compensating"] ?? 0)
                json.field("stuck", needAttention)
            }
            json.key("steps")
            json.array { json in
                for step in steps {
                    json.object {
                        $0.field("step", step.step)
                        $0.field("title", step.title)
                        $0.field("asked", step.isAsked)
                        $0.field("role", step.role)
                        $0.latency("time", step.time)
                        $0.field("waiting", step.waiting)
                    }
                }
            }
            json.key("roles")
            json.array { json in for role in roles { json.role(role) } }
            json.field("stuck", .array(stuck))
            json.field("waiting", .array(waiting))
            json.field("letters", .array(letters))
            json.field("webhooks", webhooks)
            json.key("held")
            json.array { json in
                for order in held {
                    json.object { json in
                        json.field("orderId", order.orderID)
                        json.field("tenant", order.tenant)
                        json.field("status", order.status)
                        json.field("letter", order.letter)
                        json.key("groups")
                        json.array { json in for group in order.groups { json.value(group) } }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func role(_ role: ShopState.Role) {
        object { json in
            json.field("role", role.role)
            json.field("state", role.standing.rawValue)
            json.field("processes", role.processes)
            json.field("memoryBytes", ShopState.count(role.memory))
            json.key("reasons")
            json.array { json in for reason in role.reasons { json.value(reason) } }
            json.key("groups")
            json.array { json in
                for group in role.groups {
                    json.object { json in
                        json.field("group", group.group)
                        if let lag = group.lag { json.field("lag", lag) }
                        json.number("perSecond", group.perSecond)
                        json.latency("batch", group.batch)
                        json.field("dead", group.dead)
                        json.field("parked", group.parked)
                        json.field("heldUp", group.isHeldUp)
                    }
                }
            }
            json.field("scheduled", role.scheduled)
            json.number("scheduleLateSeconds", role.scheduleLate)
            json.key("relays")
            json.array { json in
                for relay in role.relays {
                    json.object {
                        $0.field("source", relay.source)
                        $0.field("backlog", relay.backlog)
                        $0.number("lagSeconds", relay.lagSeconds)
                    }
                }
            }
        }
    }

    fileprivate mutating func latency(_ name: StaticString, _ latency: ShopState.Latency) {
        key(name)
        object {
            $0.number("p50", latency.median)
            $0.number("p99", latency.p99)
            $0.field("count", ShopState.count(latency.count))
        }
    }

    /// With as many digits as are legible; nothing where there is no value.
    mutating func number(_ name: StaticString, _ value: Double?) {
        guard let value, value.isFinite else { return }
        key(name)
        raw("\((value * 10_000).rounded() / 10_000)".utf8)
    }
}
