import Messaging

extension AuditActor {
    static let mo = AuditActor("mo", kind: .os, origin: "a machine")
    static let ann = AuditActor("ann", kind: .token, origin: "192.0.2.1")
    static let bob = AuditActor("root", kind: .os, origin: "a machine", alias: "bob")
}
