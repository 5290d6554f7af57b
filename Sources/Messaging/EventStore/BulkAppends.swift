import Postgres

/// Many appends of one caller, who waits for all of them and for no single one (`EventWriter.submit(_:of:whenRoom:)`).
public protocol BulkAppends: AnyObject, Sendable {
    /// What the ledger knows them by; its tenant is that of all the appends.
    var key: StreamKey { get }

    /// Whether its streams are expected to be new: that makes them cheaper, and dearer where they aren't.
    var isFresh: Bool { get }

    /// What became of some of them, by their places: `.versionTaken` too where the ledger has closed the bulk. Called
    /// for each place once, on a writer thread, together for those of one commit.
    func completed(_ outcomes: [(place: Int, outcome: EventWriter.Outcome)])
}

/// One of many appends: of one event, which begins a stream.
public struct BulkAppend: Sendable {
    public let place: Int
    public let append: StreamAppend

    public init(place: Int, append: StreamAppend) {
        precondition(append.events.count == 1, "an append of \(append.events.count) events to the event writer")
        self.place = place
        self.append = append
    }
}

/// What is written in the transactions that append in bulk.
public protocol BulkLedger: Sendable {
    /// Called first in such a transaction. What it locks it has to lock in the order of the keys.
    ///
    /// - Parameter keys: in order, each once.
    /// - Returns: those to which nothing may be added.
    func lock(_ keys: [StreamKey], on connection: Connection) throws(PostgresError) -> Set<StreamKey>

    /// Called last, with how many of each were appended.
    func add(_ counts: [(key: StreamKey, appended: Int)], on connection: Connection) throws(PostgresError)
}

/// The bulks that the appends of one commit belong to.
struct Bulks {
    /// Each once.
    private(set) var all: [any BulkAppends] = []
    /// By the places of appends; empty where none is bulk.
    private var owners: [StreamKey?] = []

    init(_ bulks: some Sequence<(any BulkAppends)?>) {
        var known: Set<ObjectIdentifier> = []
        var keys: [StreamKey?] = []
        for bulk in bulks {
            keys.append(bulk?.key)
            if let bulk, known.insert(ObjectIdentifier(bulk)).inserted { all.append(bulk) }
        }
        if !all.isEmpty { owners = keys }
    }

    var areFresh: Bool { all.allSatisfy(\.isFresh) }

    /// In order, each once: two bulks may have the same one.
    var keys: [StreamKey] { Set(all.map(\.key)).sorted() }

    func key(at index: Int) -> StreamKey? { owners[index] }
}
