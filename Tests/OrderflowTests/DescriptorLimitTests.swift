import Glibc
import Testing

@testable import OrderflowKit

@Suite struct DescriptorLimitTests {
    @Test func theSoftLimitIsRaisedToTheHardOneUpToTheCap() {
        var before = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before) == 0)
        let wanted = max(before.rlim_cur, min(before.rlim_max, DescriptorLimit.cap))
        #expect(DescriptorLimit.raise() == wanted)
        var after = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &after) == 0)
        #expect(after.rlim_cur == wanted && after.rlim_max == before.rlim_max)
    }
}
