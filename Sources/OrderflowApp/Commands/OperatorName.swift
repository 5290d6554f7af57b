import ArgumentParser
import Glibc
import Messaging

/// The person who does something to an order, a dead letter, a group, for its history and the audit log.
struct OperatorName: ParsableArguments {
    @Option(help: "Who you are; default the account that runs this. The audit log has both.") var by: String?

    func validate() throws {
        if by?.isEmpty == true { throw ValidationError("--by takes a name") }
    }

    var actor: AuditActor {
        AuditActor(Self.account, kind: .os, origin: Self.machine, alias: by)
    }

    /// By the process's real user id: the environment says what its owner likes.
    private static let account: String = {
        let id = getuid()
        guard let entry = getpwuid(id), let name = entry.pointee.pw_name else { return "uid \(id)" }
        return String(cString: name)
    }()

    private static let machine: String = {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown machine" }
        return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }()
}

/// Why, where a command doesn't ask for it.
struct OperatorNote: ParsableArguments {
    @Option(help: "Why, for the audit log.") var note: String?
}
