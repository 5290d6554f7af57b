import Foundation

extension Shop {
    /// The status of each order as `GET /orders/{id}` of a daemon shows it, asked by a program that isn't ours. Orders
    /// that it doesn't show are missing.
    public func shownStatuses(of ids: [String], by daemon: Daemon) throws -> [String: String] {
        var shown: [String: String] = [:]
        // As many as fit into the pipe to the program.
        for start in stride(from: 0, to: ids.count, by: 400) {
            let urls = ids[start..<min(start + 400, ids.count)]
                .map { "url = \"http://127.0.0.1:\(daemon.port)/orders/\($0)\"\n" }.joined()
            let text = try Self.run(["curl", "-s", "-w", "\\n", "-K", "-"], environment: [:], input: urls)
            for line in text.split(separator: "\n") {
                guard let view = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                    let id = view["orderId"] as? String
                else { continue }
                shown[id] = view["status"] as? String
            }
        }
        return shown
    }
}
