/// One timer for each of many connections, set and fired in constant time (Varghese and Lauck, "Hashed and
/// Hierarchical Timing Wheels", scheme 6).
///
/// A timer that is put off needs no move: it fires early, and the owner schedules it again. So a connection that
/// serves a thousand requests touches the wheel once.
struct TimerWheel {
    private static let slots = 2048
    private static let none: Int32 = -1

    private var heads = [Int32](repeating: none, count: slots)
    private var occupied = [UInt64](repeating: 0, count: slots / 64)
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// The tick at which a timer fires; nil when it isn't set.
    private var ticks: [UInt64?] = []
    private var now: UInt64
    private(set) var count = 0

    init(now: UInt64) { self.now = now }

    /// When timer `id` fires; nil when it isn't set.
    func tick(of id: Int) -> UInt64? { id < ticks.count ? ticks[id] : nil }

    /// Sets timer `id` to fire at `tick`; at the wheel's far end when that is beyond it, at the next tick when it is
    /// past.
    mutating func schedule(_ id: Int, at tick: UInt64) {
        cancel(id)
        while ticks.count <= id {
            ticks.append(nil)
            next.append(Self.none)
            previous.append(Self.none)
        }
        let tick = min(max(tick, now + 1), now + UInt64(Self.slots) - 1)
        let slot = Self.slot(tick)
        ticks[id] = tick
        next[id] = heads[slot]
        previous[id] = Self.none
        if heads[slot] != Self.none { previous[Int(heads[slot])] = Int32(id) }
        heads[slot] = Int32(id)
        occupied[slot / 64] |= 1 << UInt64(slot % 64)
        count += 1
    }

    mutating func cancel(_ id: Int) {
        guard id < ticks.count, let tick = ticks[id] else { return }
        let slot = Self.slot(tick)
        ticks[id] = nil
        if previous[id] == Self.none { heads[slot] = next[id] } else { next[Int(previous[id])] = next[id] }
        if next[id] != Self.none { previous[Int(next[id])] = previous[id] }
        if heads[slot] == Self.none { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
        count -= 1
    }

    /// Moves on to `tick` and appends the timers that fired to `fired`; they are no longer set.
    mutating func advance(to tick: UInt64, fired: inout [Int]) {
        guard tick > now else { return }
        if count > 0 {
            // Everything set fires within one turn of the wheel.
            for passed in (now + 1)...min(tick, now + UInt64(Self.slots)) {
                let slot = Self.slot(passed)
                while heads[slot] != Self.none {
                    fired.append(Int(heads[slot]))
                    cancel(Int(heads[slot]))
                }
            }
        }
        now = tick
    }

    /// How many ticks until a timer fires; nil when none is set.
    func ticksToNext() -> UInt64? {
        guard count > 0 else { return nil }
        let first = Self.slot(now + 1)
        var word = first / 64
        var bits = occupied[word] & (~0 << UInt64(first % 64))
        // One more than there are words: the first one is looked at again for its lower bits.
        for _ in 0...occupied.count {
            if bits != 0 {
                let slot = word * 64 + bits.trailingZeroBitCount
                return UInt64((slot - first + Self.slots) % Self.slots) + 1
            }
            word = (word + 1) % occupied.count
            bits = occupied[word]
        }
        return nil
    }

    private static func slot(_ tick: UInt64) -> Int { Int(tick % UInt64(slots)) }
}
