import Randomness
import Testing

@testable import HTTPServer

@Suite struct TimerWheelTests {
    @Test func firesAtItsTickAndNotBefore() {
        var wheel = TimerWheel(now: 1000)
        wheel.schedule(3, at: 1005)
        var fired: [Int] = []
        #expect(wheel.ticksToNext() == 5)
        wheel.advance(to: 1004, fired: &fired)
        #expect(fired.isEmpty)
        #expect(wheel.ticksToNext() == 1)
        wheel.advance(to: 1005, fired: &fired)
        #expect(fired == [3])
        #expect(wheel.ticksToNext() == nil)
        #expect(wheel.tick(of: 3) == nil)
    }

    @Test func pastAndFarTicksAreClamped() {
        var wheel = TimerWheel(now: 10)
        var fired: [Int] = []
        wheel.schedule(0, at: 3)
        wheel.schedule(1, at: 1_000_000)
        wheel.advance(to: 11, fired: &fired)
        #expect(fired == [0])
        #expect(wheel.tick(of: 1) == UInt64(2057))
        wheel.advance(to: 1_000_000, fired: &fired)
        #expect(fired == [0, 1])
    }

    /// Against a plain dictionary.
    @Test func behavesLikeADictionaryOfDeadlines() {
        var random = SeededGenerator.fromEnvironment()
        var now: UInt64 = 77
        var wheel = TimerWheel(now: now)
        var model: [Int: UInt64] = [:]
        for _ in 0..<20_000 {
            let id = Int.random(in: 0..<50, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                wheel.cancel(id)
                model[id] = nil
            case 1:
                var fired: [Int] = []
                now += UInt64.random(in: 0...300, using: &random)
                wheel.advance(to: now, fired: &fired)
                #expect(Set(fired) == Set(model.filter { $0.value <= now }.keys), "seed \(random.seed)")
                #expect(Set(fired).count == fired.count)
                model = model.filter { $0.value > now }
            default:
                let tick = now + UInt64.random(in: 1...2047, using: &random)
                wheel.schedule(id, at: tick)
                model[id] = tick
            }
            #expect(wheel.count == model.count)
            #expect(wheel.ticksToNext() == model.values.min().map { $0 - now }, "seed \(random.seed)")
        }
    }
}
