/// Holds what strangers sent against what came of it: every group that reads such a record has one letter of it, or none
/// has, and nobody has acted on one.
struct LetterReckoning {
    let scene: Scene
    let foreign: ForeignProducer.Sent

    func check(_ result: inout CampaignResult) throws {
        try letters(&result)
        try traces(&result)
    }

    private func letters(_ result: inout CampaignResult) throws {
        var groups: [String: Set<String>] = [:]
        for service in Scene.services {
            for row in try scene.shop.query(
                "SELECT consumer_group, key, status, count(*) FROM dead_letters GROUP BY 1, 2, 3", in: service)
            {
                if foreign.letters[row[1]] == nil || row[2] != "dead" || row[3] != "1" {
                    result.complaints.append("dead letters: \(row.joined(separator: " "))")
                } else {
                    groups[row[1], default: []].insert(row[0])
                }
            }
        }
        for (key, kind) in foreign.letters.sorted(by: { $0.key < $1.key }) {
            let expected = readers(of: kind)
            let found = groups[key] ?? []
            if found == expected || found.isEmpty && foreign.unsureLetters.contains(key) { continue }
            result.complaints.append(
                "\(key), \(kind.rawValue): letters in \(found.sorted()), expected in \(expected.sorted())")
        }
    }

    /// The groups that can't handle a record of the kind.
    private func readers(of kind: StrangeRecord) -> Set<String> {
        guard case .letter(let everyReader) = kind.verdict else { return [] }
        var groups: Set = ["shipping", "notification", "projection", "invoicing", "sales", "saga", "order", "webhooks"]
        if everyReader { groups.insert("inventory") }
        if scene.mode == "choreography" { groups.formUnion(["payment", "inventory", "order-outcomes"]) }
        return Set(groups.map { "\($0)-group" })
    }

    /// Nothing is anywhere of what became a letter, or was passed over.
    private func traces(_ result: inout CampaignResult) throws {
        let places = [
            ("orders", "events", "stream_id"), ("payment", "payments", "order_id"),
            ("shipping", "shipments", "order_id"), ("inventory", "reservations", "order_id"),
            ("saga", "saga_instances", "id"), ("views", "order_views", "order_id"),
            ("notification", "mails", "order_id"),
        ]
        for (service, table, column) in places {
            for row in try scene.shop.query(
                "SELECT DISTINCT \(column) FROM \(table) WHERE \(column) LIKE 'poison-%'", in: service)
            {
                result.complaints.append("\(row[0]) is in \(table), though nobody can handle it")
            }
        }
    }
}
