import Testing

@testable import Messaging

/// When a leader stores its checkpoint.
@Suite struct RelayProgressTests {
    private var configuration: Relay.Configuration {
        var configuration = Relay.Configuration()
        configuration.checkpointInterval = .seconds(3_600)
        configuration.checkpointRows = 10
        return configuration
    }

    @Test func theEndOfAPagedWindowIsDueWithTheFirstRow() {
        let paged = RelayCheckpoint(seen: "5:5:", reach: "9:9:", position: 7, published: 15)
        var progress = RelayProgress(at: paged, configuration: configuration)
        #expect(!progress.isDue)
        // It had no more rows: a leader would find that again.
        progress.checkpoint = RelayCheckpoint(seen: "9:9:", published: 15)
        #expect(!progress.isDue && !progress.hasNews)
        progress.checkpoint.published = 16
        #expect(progress.isDue)
        progress.wasStored()
        #expect(!progress.isDue)
    }

    @Test func manyRowsAreDueBeforeTheInterval() {
        var progress = RelayProgress(at: RelayCheckpoint(seen: "5:5:", published: 15), configuration: configuration)
        progress.checkpoint.published = 24
        #expect(progress.hasNews && !progress.isDue)
        progress.checkpoint.published = 25
        #expect(progress.isDue)
    }
}
