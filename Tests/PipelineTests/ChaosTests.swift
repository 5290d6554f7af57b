import TestServers
import Testing

@testable import chaos

/// A short campaign of faults, the same each time; `scripts/chaos` runs longer ones.
@Suite(.serialized, .servers) struct ChaosTests {
    @Test func aShopUnderFaultsLosesAndDoublesNothing() async throws {
        var campaign = Campaign(seed: 20_260_301)
        campaign.duration = .seconds(15)
        campaign.rate = 8
        // The slow ones are for longer campaigns.
        campaign.faults = [
            .daemonKill, .sessionKill, .networkCut, .postgresKill, .duplicate, .foreignOrder, .poison, .nothing,
            .receiverDown,
        ]
        campaign.isVerbose = false
        let result = try await campaign.run()
        print(result.table)
        #expect(result.accepted > 0)
        #expect(result.lost == [])
        #expect(result.doubled == [])
        #expect(result.stuck == [])
        #expect(result.complaints == [])
        #expect(result.told.expected > 0 && result.told.lost == [] && result.told.disordered == [])
        #expect(result.told.unsigned == [])
        #expect(result.copied.expected > 0 && result.copied.isSound)
        #expect(result.placed > 0 && result.withdrawn > 0 && result.quotes.answered > 0)
    }
}
