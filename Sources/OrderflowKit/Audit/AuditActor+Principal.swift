import Messaging

extension AuditActor.Kind {
    init(_ kind: Principal.Kind) {
        self =
            switch kind {
            case .token: .token
            case .key: .key
            case .open: .open
            case .anonymous: .anonymous
            }
    }
}
