import Execution
import Foundation
import TestServers
import TestShop

/// One run: a shop, customers, faults, and then the reckoning.
struct Campaign: Sendable {
    var seed: UInt64
    var duration: Duration = .seconds(300)
    /// Orders a second.
    var rate = 20.0
    var faults: [Fault] = Fault.allCases
    /// Who leads an order to its end: `orchestration` or `choreography`.
    var mode = "orchestration"
    var relays = RelayChoice.windows
    var isVerbose = true
    /// For everything to end after the last fault.
    var patience: Duration = .seconds(240)

    func run() async throws -> CampaignResult {
        var dice = Dice(seed: seed)
        let settings = self
        let scene = try await DedicatedThread.run("scene") { [dice] in
            var dice = dice
            return try Scene(
                seed: settings.seed, mode: settings.mode, relays: settings.relays, isVerbose: settings.isVerbose, &dice)
        }
        // The scene has thrown its own.
        dice = Dice(seed: seed &+ 1)
        defer { scene.stop() }
        try await scene.start()
        let subscriptions = try await scene.subscribe()
        scene.say("the shop is open")
        let closing = StopSignal()
        let supervisor = DedicatedThread.start("supervisor") { scene.supervise(until: closing) }
        defer {
            closing.stop()
            supervisor.join()
        }

        let book = OrderBook()
        for fault in faults where Kernel.lacks.contains(fault) { scene.say("no \(fault.rawValue) here") }
        let injector = FaultInjector(scene, faults: faults.filter { !Kernel.lacks.contains($0) })
        let stop = StopSignal()
        let injectorSeed = dice.next()
        async let injected: Void = DedicatedThread.run("injector") {
            var dice = Dice(seed: injectorSeed)
            injector.run(&dice, until: stop)
        }
        let memory = MemoryWatch(scene.daemons)
        let watching = DedicatedThread.start("memory") { memory.run(until: stop) }
        let timer = Task {
            try await Task.sleep(for: duration)
            stop.stop()
        }
        let customers = Customers(scene: scene, book: book, rate: rate)
        let quotes = QuoteWishes(scene)
        let quoteDice = dice.split()
        async let asked: Void = quotes.run(quoteDice, for: duration)
        await customers.run(&dice, for: duration, patience: .seconds(90))
        timer.cancel()
        stop.stop()
        try await injected
        await asked
        scene.say("the last fault is over")
        scene.receiver.turn(.good)
        watching.join()

        let ending = ContinuousClock.now
        await quotes.settle(&dice, within: .seconds(60))
        return try await DedicatedThread.run("reckoning") {
            let reckoning = Reckoning(scene: scene, book: book.now, foreign: scene.foreign.sent)
            let unsettled = try reckoning.waitForQuiet(within: settings.patience)
            let settling = ending.duration(to: .now)
            scene.say("quiet")
            var result = try reckoning.result()
            result.seed = settings.seed
            result.mode = settings.mode
            result.settling = settling
            result.faults = injector.done.count
            result.complaints += injector.done.complaints + unsettled
            let webhooks = WebhookReckoning(scene: scene, foreign: scene.foreign.sent, subscriptions: subscriptions)
            result.told = try webhooks.wait(within: settings.patience)
            result.answers = scene.receiver.answers
            result.copied = try RouteReckoning(scene: scene).standing()
            result.quotes = quotes.standing
            result.complaints += result.quotes.complaints
            result.falls = scene.falls
            result.peakMemory = memory.peak
            if !result.isSound, let path = ProcessInfo.processInfo.environment["CHAOS_KEEP"] {
                try Evidence.keep(scene, in: path)
            }
            return result
        }
    }
}
