import DequeModule

/// What waits, first come first served within a tenant, in turns by weight between tenants.
///
/// A tenant that sends more than its share waits longer for itself and for nobody else: each batch has at most its
/// share of places while others wait too, and the more of the queue is taken, the fewer places one tenant can get
/// (dynamic thresholds, Choudhury and Hahne 1998), so that there is always room for those who have little waiting.
/// With one tenant it is a plain queue that refuses a ninth earlier.
///
/// What is express comes before the rest of its tenant, but for a quarter of the tenant's places, and has room of its own, an
/// eighth of the queue's: what else waits keeps none of it out.
///
/// What comes in bulk, for nobody who waits for this very one, has a part of the queue of its own and comes after the
/// rest of its tenant; but for a quarter of the tenant's places, so that it comes at all.
struct FairQueue<Element> {
    private struct Lane {
        var waiting: Deque<Element> = []
        var express: Deque<Element> = []
        var bulk: Deque<Element> = []
        let weight: Int

        /// False where so many wait as there is room for.
        mutating func append(_ element: Element, isExpress: Bool, room: Int) -> Bool {
            guard (isExpress ? express.count : waiting.count) < room else { return false }
            if isExpress { express.append(element) } else { waiting.append(element) }
            return true
        }
    }

    /// Elements that may wait. Of one tenant of weight 1, eight ninths of it.
    let limit: Int
    private let weights: [String: Int]
    private(set) var count = 0
    /// Of `count`, in bulk.
    private(set) var bulkCount = 0
    /// Of tenants that have something waiting.
    private var lanes: [String: Lane] = [:]
    /// The same tenants, the next one first.
    private var turns: Deque<String> = []
    private var totalWeight = 0

    /// How much of the free places one tenant may have taken.
    private static var greed: Int { 8 }
    /// Places that each tenant gets in a batch, whatever its share: below it a batch costs the same.
    private static var quantum: Int { 32 }

    /// - Parameter weights: of tenants that have another one than 1; at least 1, at most 1000.
    init(limit: Int, weights: [String: Int] = [:]) {
        self.limit = limit
        self.weights = weights
    }

    var isEmpty: Bool { count == 0 }

    /// False where the queue, or the tenant's part of it, is full.
    mutating func append(_ element: Element, of tenant: String, isExpress: Bool = false) -> Bool {
        let limit = isExpress ? limit + max(1, limit / 8) : limit
        guard count < limit else { return false }
        let weight = weights[tenant, default: 1]
        let room = (limit - count) * Self.greed * weight
        if lanes[tenant] == nil { open(tenant, weight) }
        guard lanes[tenant]?.append(element, isExpress: isExpress, room: room) == true else { return false }
        count += 1
        return true
    }

    /// The same for one of many; as far as bulk is concerned, the queue is a quarter as long.
    mutating func append(inBulk element: Element, of tenant: String) -> Bool {
        let limit = max(1, limit / 4)
        guard bulkCount < limit, count < self.limit else { return false }
        let weight = weights[tenant, default: 1]
        if let waiting = lanes[tenant]?.bulk.count {
            guard waiting < (limit - bulkCount) * Self.greed * weight else { return false }
        } else {
            open(tenant, weight)
        }
        lanes[tenant]?.bulk.append(element)
        count += 1
        bulkCount += 1
        return true
    }

    private mutating func open(_ tenant: String, _ weight: Int) {
        lanes[tenant] = Lane(weight: weight)
        turns.append(tenant)
        totalWeight += weight
    }

    /// The next batch of at most `limit` elements, at least one where one waits.
    mutating func take(_ limit: Int) -> [Element] {
        var batch: [Element] = []
        batch.reserveCapacity(min(count, limit))
        let (tenants, total) = (turns.count, totalWeight)
        for _ in 0..<tenants where batch.count < limit {
            guard let tenant = turns.popFirst(), var lane = lanes.removeValue(forKey: tenant) else { break }
            let share = tenants == 1 ? limit : max(Self.quantum, limit / total) * lane.weight
            let places = min(share, limit - batch.count)
            let quarter = (places + 3) / 4
            let behind = min(lane.waiting.count + lane.bulk.count, quarter)
            let express = min(lane.express.count, max(places - behind, min(1, places)))
            batch.append(contentsOf: lane.express.prefix(express))
            lane.express.removeFirst(express)
            let left = places - express
            let kept = min(lane.bulk.count, (left + 3) / 4)
            let taken = min(lane.waiting.count, max(left - kept, min(1, left)))
            batch.append(contentsOf: lane.waiting.prefix(taken))
            lane.waiting.removeFirst(taken)
            let bulk = min(lane.bulk.count, left - taken)
            batch.append(contentsOf: lane.bulk.prefix(bulk))
            lane.bulk.removeFirst(bulk)
            bulkCount -= bulk
            if lane.waiting.isEmpty, lane.express.isEmpty, lane.bulk.isEmpty {
                totalWeight -= lane.weight
            } else {
                lanes[tenant] = lane
                turns.append(tenant)
            }
        }
        count -= batch.count
        return batch
    }
}
