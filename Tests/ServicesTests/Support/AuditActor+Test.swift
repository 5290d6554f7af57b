import Messaging

extension AuditActor {
    static let test = AuditActor("mo", kind: .os, origin: "a machine")
}
