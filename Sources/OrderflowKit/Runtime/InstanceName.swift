import Foundation
import Glibc

/// A name for this process that no other process of its role has, and that the next one gets when this one is gone.
///
/// Consumer groups know members by it: a process that is killed and started again takes its partitions up at once,
/// instead of waiting until the group has noticed the death. The names of a host are numbered; who holds the lock on a
/// number's file has the name, and the kernel takes the lock away with the process, however that ends.
package enum InstanceName {
    /// The lowest free name. Held until the process ends. Nil where no lock can be taken: then the group has to do
    /// without.
    package static func take(role: String, in directory: String = defaultDirectory) -> String? {
        guard prepare(directory) else { return nil }
        for number in 1...1_000 {
            let path = "\(directory)/\(role)-\(number).lock"
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { return nil }
            // Never closed on success: the lock is the name.
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                return "\(role)-\(ProcessInfo.processInfo.hostName)-\(number)"
            }
            close(descriptor)
        }
        return nil
    }

    /// Of this user, on this machine, gone with a reboot.
    package static let defaultDirectory = "/tmp/orderflow-\(getuid())"

    /// Others must not be able to take our numbers.
    private static func prepare(_ directory: String) -> Bool {
        mkdir(directory, 0o700)
        var status = stat()
        return lstat(directory, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == getuid()
    }
}
