import JSON

/// How the whole shop fares at one moment, put together from what its processes say.
struct ShopState: Sendable {
    struct Latency: Sendable {
        var median: Double?
        var p99: Double?
        var count = 0.0

        init() {}

        init(_ distribution: Distribution) {
            median = distribution.quantile(0.5)
            p99 = distribution.quantile(0.99)
            count = distribution.count
        }
    }

    enum Standing: String, Sendable {
        case ready, degraded
        case notReady = "not-ready"
        /// Nobody answers.
        case silent
        /// Nobody has been asked yet.
        case unknown
    }

    struct Group: Sendable {
        let group: String
        /// Records that wait; nil before a member has said so.
        var lag: Int?
        var perSecond: Double?
        /// One batch, from its begin to its commit.
        var batch = Latency()
        var dead = 0
        var parked = 0
        var isHeldUp = false
    }

    struct Relay: Sendable {
        let source: String
        var backlog = 0
        var lagSeconds = 0.0
        var isHeldUp = false
    }

    struct Role: Sendable {
        let role: String
        var standing = Standing.unknown
        /// Processes that answer.
        var processes = 0
        /// What a check says, or why nobody answers.
        var reasons: [String] = []
        var groups: [Group] = []
        var relays: [Relay] = []
        /// Messages that wait for their time, and how late the first of them is, in seconds.
        var scheduled = 0
        var scheduleLate = 0.0
        var openCircuits: [String] = []
        var memory = 0.0
    }

    struct Step: Sendable {
        let step: String
        let title: String
        /// Whether its service is asked, rather than begin by itself.
        let isAsked: Bool
        /// Who takes it.
        let role: String
        var time = Latency()
        /// Orders that wait for it, or for its undoing.
        var waiting = 0
    }

    /// Microseconds since the Unix epoch.
    var at: Int64 = 0
    var roles: [Role] = []
    var ordersPerSecond: Double?
    /// Answers with 5xx, to anything.
    var errorsPerSecond: Double?
    /// `POST /orders`.
    var acceptance = Latency()
    /// From the order to its confirmation.
    var fulfilment = Latency()
    var startedPerSecond: Double?
    var confirmedPerSecond: Double?
    var cancelledPerSecond: Double?
    var appendQueue: (depth: Double, limit: Double) = (0, 0)
    /// Under way, by status.
    var sagas: [String: Int] = [:]
    var needAttention = 0
    var steps: [Step] = []
    /// Of `AttentionDocument`: orders that need a person, orders that have waited for long, dead letters.
    var stuck: [JSONValue] = []
    var waiting: [JSONValue] = []
    var letters: [JSONValue] = []
    /// The orders that these letters are about, each once, with the groups that can't go on with it.
    var held: [Held] = []

    struct Held: Sendable {
        let orderID: String
        let tenant: String
        /// The first one.
        let letter: String
        var groups: [String]
        /// Nil for one that isn't among those that wait for longest.
        var status: String?
    }
    /// Of `EndpointStandings`; null where nobody has said.
    var webhooks = JSONValue.null
    var oldestPayment = 0.0
    var oldestMail = 0.0
    /// How far the read model of orders is behind the event store, and how many orders it shows otherwise.
    var viewLag = 0.0
    var differing = 0
    var concerns: [ShopConcern] = []

    var verdict: ShopConcern.Level? { concerns.map(\.level).max() }
}
