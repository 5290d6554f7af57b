import Messaging

extension AuditActor {
    static let ops = AuditActor("ops", kind: .os, origin: "a machine")
    static let test = AuditActor("mo", kind: .os, origin: "a machine")
}
