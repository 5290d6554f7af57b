/// The exit codes besides 0.
package enum ExitStatus {
    package static let failure: Int32 = 1
    /// sysexits.h EX_USAGE, as ArgumentParser has it.
    package static let usage: Int32 = 64
    /// sysexits.h EX_CONFIG: starting again without changing something can't help, and the supervisor doesn't try.
    package static let configuration: Int32 = 78
}
