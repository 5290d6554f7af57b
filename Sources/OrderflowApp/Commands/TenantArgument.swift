import ArgumentParser
import Messaging

/// Names of tenants on the command line.
enum TenantArgument {
    /// Nil passes. Throws in one line what a name may have.
    static func check(_ tenant: String?) throws {
        guard let tenant, !TenantName.isValid(tenant) else { return }
        throw ValidationError("--tenant must have 1 to \(TenantName.limit) letters, digits and . _ - of ASCII")
    }
}
