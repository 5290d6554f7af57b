import Metrics
import Synchronization

/// One series that is recorded into, from any thread.
protocol Instrument: AnyObject, Sendable {
    func write(_ name: String, _ labels: LabelSet, to exposition: inout Exposition)
}

/// Counts whole things.
final class CounterInstrument: Instrument, CounterHandler {
    private let value = Atomic<Int64>(0)

    /// A counter never goes down: what isn't positive is passed over.
    func increment(by amount: Int64) {
        if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: LabelSet, to exposition: inout Exposition) {
        exposition.sample(name, labels: labels, value.load(ordering: .relaxed))
    }
}

/// Counts amounts such as seconds.
final class FloatingPointCounterInstrument: Instrument, FloatingPointCounterHandler {
    private let value = AtomicDouble()

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { value.add(amount) }
    }

    func reset() { value.store(0) }

    func write(_ name: String, _ labels: LabelSet, to exposition: inout Exposition) {
        exposition.sample(name, labels: labels, value.load())
    }
}

/// The last value.
final class GaugeInstrument: Instrument, MeterHandler, RecorderHandler {
    private let value = AtomicDouble()

    func set(_ value: Int64) { self.value.store(Double(value)) }
    func set(_ value: Double) { self.value.store(value) }
    func increment(by amount: Double) { value.add(amount) }
    func decrement(by amount: Double) { value.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(_ name: String, _ labels: LabelSet, to exposition: inout Exposition) {
        exposition.sample(name, labels: labels, value.load())
    }
}

/// `Atomic` has no addition for floating point.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, current) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = current
        }
    }
}
