import TestServers
import Testing

@testable import chaos

/// More orders than the database can take.
@Suite(.serialized, .servers) struct OverloadTests {
    @Test func moreThanTheDatabaseCanTakeIsRefusedAndNothingTakenIsLost() async throws {
        var overload = Overload()
        overload.duration = .seconds(8)
        let result = try await overload.run()
        print(result.table)
        #expect(result.complaints == [])
    }
}
