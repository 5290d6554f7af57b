import Execution
import JSON
import Orders
import Terminal

/// The status for terminals and scripts.
package enum StatusText {
    package static func page(_ report: StatusReport, _ style: TerminalStyle = .plain) -> TerminalText {
        func table(_ rows: [[String]], _ paint: @escaping (_ column: Int, _ text: String) -> TerminalStyle.Ink?)
            -> TerminalText
        {
            TextTable.write(rows) { row, column, text in
                row == 0 ? style.paint(text, .heading) : style.paint(text, paint(column, text.text))
            }
        }
        /// What should be 0.
        func count(_ text: String) -> TerminalStyle.Ink? { text == "0" || text.isEmpty ? nil : .bad }
        var parts = [
            table(
                [["ROLE", "PORT", "STATE", "WHY"]]
                    + report.roles.map {
                        [$0.module.name, "\($0.port)", $0.state, $0.reasons.joined(separator: "; ")]
                    }
            ) { column, text in
                guard column == 2 else { return nil }
                return switch text {
                case "ready": .good
                case "not ready": .bad
                default: .quiet
                }
            },
            table(
                [["GROUP", "LAG", "DEAD LETTERS", "PARKED"]]
                    + report.groups.map { [$0.group, $0.lag.map { "\($0)" } ?? "?", "\($0.dead)", "\($0.parked)"] }
            ) { column, text in column >= 2 ? count(text) : nil },
        ]
        let ownerless = report.groups.filter { !$0.ownerless.isEmpty }
        if !ownerless.isEmpty {
            parts.append(
                ownerless.map { group in
                    let names = group.ownerless.map(\.description).joined(separator: ", ")
                    return style.paint("\(group.group): partitions without an owner: \(names)", .bad) + "\n"
                }.joined())
        }
        if !report.slots.isEmpty {
            parts.append(
                table(
                    [["SLOT", "SERVICE", "STATE", "KEEPS MIB", "WHY"]]
                        + report.slots.map { state in
                            [
                                state.slot.name, state.service, state.slot.isRead ? state.slot.state : "not read",
                                "\(state.slot.keptBytes >> 20)", state.problem ?? "",
                            ]
                        }
                ) { column, text in column == 4 && !text.isEmpty ? .bad : nil })
        }
        if !report.sagas.isEmpty {
            parts.append(
                table(
                    [["SAGAS", "COUNT", "ATTENTION"]]
                        + report.sagas.map { [$0.status, "\($0.count)", "\($0.attention)"] }
                ) { column, text in column == 2 ? count(text) : nil })
        }
        if !report.held.isEmpty {
            let shown = report.held.prefix(Self.heldShown)
            let more = report.held.count - shown.count
            parts.append(
                table(
                    [["ORDERS HELD UP", "LETTER", "GROUP", "WHY"]]
                        + shown.map { entry in
                            [entry.key.orderID] + (entry.letters.first.map { [$0.letter, $0.group, $0.error] } ?? [])
                        }
                        + (more > 0 ? [["and \(more) more", "", "", ""]] : [])
                ) { column, _ in column == 0 ? .bad : nil })
        }
        if let views = report.views {
            parts.append(
                table([
                    ["READ MODELS", "BEHIND", "SECONDS", "DIFFERING"],
                    ["orders", "\(views.lag.events)", "\(Self.seconds(views.lag))", "\(views.differing)"],
                ]) { column, text in column == 3 ? count(text) : nil })
        }
        if !report.problems.isEmpty {
            parts.append(report.problems.map { style.paint("can't ask \($0)", .bad) + "\n" }.joined())
        }
        return parts.joined(separator: "\n")
    }

    /// Of orders behind dead letters; `orderflow sagas list --attention` has all of them.
    private static let heldShown = 10

    /// - Parameter at: when, in microseconds since the Unix epoch; nil doesn't say.
    package static func json(_ report: StatusReport, at: Int64? = nil) -> TerminalText {
        var json = JSONWriter(capacity: 2048)
        json.object { json in
            if let at { json.time("at", at) }
            json.key("roles")
            json.array { json in
                for role in report.roles {
                    json.object { json in
                        json.field("role", role.module.name)
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
                        json.key("withoutOwner")
                        json.array { json in for partition in group.ownerless { json.value(partition.description) } }
                    }
                }
            }
            json.key("slots")
            json.array { json in
                for state in report.slots {
                    json.object { json in
                        json.field("slot", state.slot.name)
                        json.field("service", state.service)
                        json.field("read", state.slot.isRead)
                        json.field("state", state.slot.state)
                        json.field("keptBytes", state.slot.keptBytes)
                        if let problem = state.problem { json.field("problem", problem) }
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
            json.key("held")
            json.array { json in
                for entry in report.held {
                    json.object { json in
                        json.field("orderId", entry.key.orderID)
                        json.field("tenant", entry.key.tenant)
                        json.key("letters")
                        json.array { json in for letter in entry.letters { json.value(letter.letter) } }
                        json.field("group", entry.letters.first?.group)
                        json.field("error", entry.letters.first?.error)
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
        return TerminalText(json: json.bytes)
    }

    /// In tenths, which JSON takes too.
    private static func seconds(_ lag: ConsistencyCheck.Lag) -> String {
        let tenths = Int64(saturating: lag.seconds * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }
}
