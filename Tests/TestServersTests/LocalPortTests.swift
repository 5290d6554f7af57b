import TestServers
import Testing

struct LocalPortTests {
    /// Two of a shop's daemons had the same, once in thirty shops: of some twenty chosen at random before the first listens.
    @Test func noPortIsGivenTwice() throws {
        var given: Set<Int> = []
        for count in 1...50 {
            let first = try LocalPort.unused(inARow: count)
            for port in first..<first + count {
                #expect(given.insert(port).inserted, "\(port) was given before")
            }
        }
    }
}
