import JSON
import Services

/// The status for terminals and scripts.
enum StatusText {
    static func page(_ report: StatusReport) -> String {
        var parts = [
            TextTable.write(
                [["ROLE", "PORT", "STATE", "WHY"]]
                    + report.roles.map {
                        [$0.role.rawValue, "\($0.port)", $0.state, $0.reasons.joined(separator: "; ")]
                    }),
            TextTable.write(
                [["GROUP", "LAG", "DEAD LETTERS", "PARKED"]]
                    + report.groups.map { [$0.group, $0.lag.map { "\($0)" } ?? "?", "\($0.dead)", "\($0.parked)"] }),
        ]
        if !report.sagas.isEmpty {
            parts.append(
                TextTable.write(
                    [["SAGAS", "COUNT", "ATTENTION"]]
                        + report.sagas.map { [$0.status, "\($0.count)", "\($0.attention)"] }))
        }
        if let views = report.views {
            parts.append(
                TextTable.write([
                    ["READ MODELS", "BEHIND", "SECONDS", "DIFFERING"],
                    ["orders", "\(views.lag.events)", "\(Self.seconds(views.lag))", "\(views.differing)"],
                ]))
        }
        if !report.problems.isEmpty { parts.append(report.problems.map { "can't ask \($0)\n" }.joined()) }
        return parts.joined(separator: "\n")
    }

    static func json(_ report: StatusReport) -> String {
        var json = JSONWriter(capacity: 2048)
        json.object { json in
            json.key("roles")
            json.array { json in
                for role in report.roles {
                    json.object { json in
                        json.field("role", role.role.rawValue)
                        json.field("port", role.port)
                        json.field("state", role.state)
                        json.key("reasons")
                        json.array { json in for reason in role.reasons { json.value(reason) } }
                    }
                }
            }
            json.key("groups")
            json.array { json in
                for group in report.groups {
                    json.object { json in
                        json.field("group", group.group)
                        if let lag = group.lag { json.field("lag", lag) }
                        json.field("deadLetters", group.dead)
                        json.field("parked", group.parked)
                    }
                }
            }
            json.key("sagas")
            json.array { json in
                for saga in report.sagas {
                    json.object { json in
                        json.field("status", saga.status)
                        json.field("count", saga.count)
                        json.field("attention", saga.attention)
                    }
                }
            }
            if let views = report.views {
                json.key("readModels")
                json.object { json in
                    json.field("lagEvents", views.lag.events)
                    json.key("lagSeconds")
                    json.raw(Self.seconds(views.lag).utf8)
                    json.field("differing", views.differing)
                }
            }
            json.key("problems")
            json.array { json in for problem in report.problems { json.value(problem) } }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    /// In tenths, which JSON takes too.
    private static func seconds(_ lag: ConsistencyCheck.Lag) -> String {
        let tenths = Int64((lag.seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
