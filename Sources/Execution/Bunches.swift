/// Whether work comes in bunches: what one batch elsewhere has caused comes within a few milliseconds, in several pieces. Who
/// begins with the first piece has the others wait for all of a tick.
///
/// What has come one by one isn't held up.
struct Bunches: Sendable {
    /// Within so long a bunch is there: several requests of one producer, or calls that began together.
    static let span: Duration = .milliseconds(3)

    private var last = 0

    mutating func note(_ count: Int) { last = count }

    /// How long the first waits for the others.
    var gathering: Duration { last > 1 ? Self.span : .zero }
}
