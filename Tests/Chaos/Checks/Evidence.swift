import Foundation
import TestServers

/// What is left of a campaign that failed, for who looks for the reason.
enum Evidence {
    /// Every daemon's and server's log, the topics and the databases, in a directory.
    static func keep(_ scene: Scene, in path: String) throws {
        let directory = "\(path)/\(scene.seed)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        func write(_ text: String, _ name: String) {
            try? text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
        }
        for daemon in scene.daemons { write(daemon.log, "\(daemon).log") }
        write(scene.shop.postgres.log, "postgres.log")
        write(scene.shop.broker.log, "broker.log")
        for topic in ["order-events", "order-commands", "payment-commands", "inventory-commands"]
            .flatMap({ [$0, $0 + "-express"] }) + [RouteReckoning.topic]
        {
            let lines = (try? scene.shop.records(of: topic))?.map {
                "\($0.partition)/\($0.offset) \($0.key ?? "") \($0.headers) \($0.value)"
            }
            write((lines ?? []).joined(separator: "\n"), "\(topic).txt")
        }
        for service in Scene.services {
            let dump = try? scene.shop.dump(service)
            write(dump ?? "", "\(service).sql")
        }
    }
}

extension Scene {
    /// Those with a database.
    static let services = ["orders", "views", "shipping", "notification", "payment", "inventory", "saga", "webhooks"]
}
