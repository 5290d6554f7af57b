import Glibc

/// Why a test server couldn't do what a test asked of it.
public struct TestServerError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }

    /// The error of the system call that just failed.
    init(_ call: String, errno code: Int32) { description = "\(call): \(String(cString: strerror(code)))" }
}
