import Execution
import Synchronization
import TestServers
import TestShop

/// Injects faults at random, each lane one after the other on a thread of its own. What it breaks it mends.
final class FaultInjector: Sendable {
    private let scene: Scene
    private let faults: [Fault]
    private let record = Mutex(Record())
    private let publishing = Mutex(())
    /// How often the network has come to a halt, and gone on.
    private let halts = Mutex(0)
    /// Held while every daemon stands still so that the broker can be ended.
    private let standstill = Mutex(())

    struct Record: Sendable {
        var count: [Fault: Int] = [:]
        /// What shouldn't have happened, such as a drain that ended with an error.
        var complaints: [String] = []
    }

    /// - Parameter faults: those to inject.
    init(_ scene: Scene, faults: [Fault]) {
        self.scene = scene
        self.faults = faults
    }

    var done: Record { record.withLock { $0 } }

    /// Until `stop`; returns when everything runs again.
    func run(_ dice: inout Dice, until stop: StopSignal) {
        let threads = Fault.Lane.allCases.compactMap { lane -> DedicatedThread? in
            let own = faults.filter { $0.lane == lane }
            let seed = dice.next()
            guard !own.isEmpty else { return nil }
            return DedicatedThread.start("faults") { [self] in
                var dice = Dice(seed: seed)
                while !stop.wait(for: dice.duration(0.3...3)) {
                    let fault = dice.pick(own.map { ($0, weight: $0.weight) })
                    do {
                        try inject(fault, &dice, until: stop)
                        record.withLock { $0.count[fault, default: 0] += 1 }
                    } catch  where lane == .producers {
                        // The broker was away: that is another fault's doing.
                        scene.say("\(fault.rawValue) failed")
                    } catch {
                        complain("\(fault.rawValue): \(error)")
                    }
                }
            }
        }
        for thread in threads { thread.join() }
    }

    private func complain(_ text: String) {
        record.withLock { $0.complaints.append(text) }
    }

    private func inject(_ fault: Fault, _ dice: inout Dice, until stop: StopSignal) throws {
        switch fault {
        case .daemonKill:
            let daemon = try running(&dice)
            scene.say("\(fault.rawValue) \(daemon)")
            try scene.handling(daemon) {
                try daemon.kill()
                pause(dice.duration(0...4), stop)
                try scene.start(daemon)
            }
        case .daemonFreeze:
            let daemon = try running(&dice)
            let time = dice.duration(6.5...11)
            scene.say("\(fault.rawValue) \(daemon) for \(time)")
            try daemon.pause()
            pause(time, nil)
            try standstill.withLock { _ in try daemon.resume() }
        case .daemonDrain:
            let daemon = try running(&dice)
            scene.say("\(fault.rawValue) \(daemon)")
            try scene.handling(daemon) {
                let before = halts.withLock { $0 }
                let status = try daemon.terminate()
                // Who waits for a server that says nothing can't finish in time, and says so.
                let isExcused = before % 2 == 1 || halts.withLock { $0 } != before
                if status != 0, !isExcused { complain("\(daemon) ended with status \(status) when told to stop") }
                pause(dice.duration(0...2), stop)
                try scene.start(daemon)
            }
        case .postgresKill:
            scene.say(fault.rawValue)
            try scene.shop.postgres.kill()
            pause(dice.duration(0...3), stop)
            try scene.shop.postgres.restart()
        case .sessionKill:
            scene.say(fault.rawValue)
            try scene.terminateSessions(share: .random(in: 0.05...0.6, using: &dice))
        case .brokerKill:
            scene.say(fault.rawValue)
            try killBroker()
            pause(dice.duration(0...5), stop)
            try scene.shop.broker.restart()
        case .brokerFreeze:
            let time = dice.duration(2...9)
            scene.say("\(fault.rawValue) for \(time)")
            try scene.shop.broker.pause()
            pause(time, nil)
            try scene.shop.broker.resume()
        case .networkCut:
            let share = Double.random(in: 0.1...1, using: &dice)
            scene.say("\(fault.rawValue) of \(Int(share * 100)) %")
            scene.proxy.cut(share)
        case .networkDelay:
            scene.say(fault.rawValue)
            scene.proxy.delay(dice.duration(0.05...0.5))
            pause(dice.duration(1...5), stop)
            scene.proxy.delay(.zero)
        case .networkStall:
            let time = dice.duration(2...12)
            scene.say("\(fault.rawValue) for \(time)")
            halts.withLock { $0 += 1 }
            scene.proxy.stall()
            pause(time, nil)
            // Whoever waited is alone: a stalled line is a dead one.
            scene.proxy.flow()
            halts.withLock { $0 += 1 }
        case .kafkaCut:
            scene.say(fault.rawValue)
            try Kernel.resetConnections(to: scene.shop.broker.port)
        case .connectionFlood:
            let time = dice.duration(1...6)
            scene.say("\(fault.rawValue) for \(time)")
            let crowd = try Crowd(at: scene.shop.postgres.port, sessions: 500)
            defer { crowd.leave() }
            _ = try? scene.terminateSessions(share: 0.3)
            pause(time, stop)
        case .readOnly:
            let time = dice.duration(1...6)
            scene.say("\(fault.rawValue) for \(time)")
            try scene.setReadOnly(true)
            pause(time, stop)
            try scene.setReadOnly(false)
        case .mailDown:
            let time = dice.duration(1...8)
            scene.say("\(fault.rawValue) for \(time)")
            try scene.shop.withoutMail { pause(time, stop) }
        case .receiverDown:
            let time = dice.duration(0.5...8)
            scene.say("\(fault.rawValue) for \(time)")
            scene.receiver.vanish()
            pause(time, stop)
            try scene.receiver.appear()
        case .receiverSilent:
            let time = dice.duration(1...8)
            scene.say("\(fault.rawValue) for \(time)")
            scene.receiver.turn(.silent)
            pause(time, stop)
            scene.receiver.turn(.moody)
        case .clockJump:
            scene.say(fault.rawValue)
            try scene.passDeadlines(share: .random(in: 0.1...0.6, using: &dice))
        case .duplicate: try publishing.withLock { _ in try scene.foreign.repeatRecord(&dice) }
        case .poison: try publishing.withLock { _ in try scene.foreign.sendPoison(&dice) }
        case .nothing: try publishing.withLock { _ in try scene.foreign.sendNothing(&dice) }
        case .foreignOrder: try publishing.withLock { _ in try scene.foreign.announceOrder(&dice) }
        }
    }

    /// The dev broker goes on acknowledging for some hundred milliseconds after it has written its data out for the
    /// last time, and forgets what it acknowledged and which producer ids it gave out then; a real one, whose pages the
    /// kernel has, doesn't. So nobody may publish or start while it ends.
    private func killBroker() throws {
        try publishing.withLock { _ in
            try scene.whileNobodyStarts { try standstill.withLock { _ in try endBroker() } }
        }
    }

    private func endBroker() throws {
        let stopped = scene.daemons.filter { (try? $0.pause()) != nil }
        defer { for daemon in stopped { try? daemon.resume() } }
        // What is on its way arrives and is answered; and saved, which the dev broker does seconds after it has said so.
        pause(.seconds(3), nil)
        try scene.shop.broker.kill()
    }

    private func running(_ dice: inout Dice) throws -> Daemon {
        guard let daemon = scene.daemons.filter(\.isRunning).randomElement(using: &dice) else { throw NobodyRuns() }
        return daemon
    }

    private func pause(_ time: Duration, _ stop: StopSignal?) { (stop ?? StopSignal()).wait(for: time) }

    private struct NobodyRuns: Error {}
}
