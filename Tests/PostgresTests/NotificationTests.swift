import Execution
import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct NotificationTests {
    @Test func arrivesFromAnotherSession() throws {
        let configuration = try freshDatabase()
        let listener = try Connection(configuration, logger: quiet)
        let sender = try Connection(configuration, logger: quiet)
        let channel = "Odd \"channel\""
        try listener.listen(channel)
        try sender.notify(channel, "one")
        try sender.notify(channel, "żwei")
        try sender.notify("elsewhere", "x")
        let first = try listener.waitForNotification(timeout: .seconds(20))
        #expect(first == Notification(channel: channel, payload: "one", processID: sender.processID))
        #expect(try listener.waitForNotification(timeout: .seconds(20))?.payload == "żwei")
        #expect(try listener.waitForNotification(timeout: .milliseconds(1)) == nil)
        try listener.unlisten(channel)
        try sender.notify(channel, "three")
        #expect(try listener.waitForNotification(timeout: .milliseconds(1)) == nil)
    }

    @Test func isKeptWhileQueriesRun() throws {
        let configuration = try freshDatabase()
        let listener = try Connection(configuration, logger: quiet)
        try listener.listen("c")
        try Connection(configuration, logger: quiet).notify("c", "kept")
        _ = try listener.query("SELECT 1")
        #expect(try listener.waitForNotification(timeout: .seconds(20))?.payload == "kept")
    }

    @Test func comesWithTheCommitOnly() throws {
        let configuration = try freshDatabase()
        let listener = try Connection(configuration, logger: quiet)
        let sender = try Connection(configuration, logger: quiet)
        try listener.listen("c")
        _ = failure {
            try sender.transaction {
                try $0.notify("c", "rolled back"); _ = try $0.query("SELECT 1/0")
            }
        }
        try sender.transaction { try $0.notify("c", "committed") }
        #expect(try listener.waitForNotification(timeout: .seconds(20))?.payload == "committed")
    }

    @Test func stopEndsTheWait() throws {
        let configuration = try freshDatabase()
        let stop = StopSignal()
        let waiting = Monitor(false)
        let waiter = Companion { () -> Bool in
            let listener = try Connection(configuration, logger: quiet)
            try listener.listen("c")
            waiting.update { $0 = true }
            return try listener.waitForNotification(timeout: .seconds(3600), stop: stop) == nil
        }
        #expect(waiting.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        stop.stop()
        #expect(try waiter.value())
    }

    @Test func aSignalEndsTheWaitToo() throws {
        let configuration = try freshDatabase()
        let listener = try Connection(configuration, logger: quiet)
        let sender = try Connection(configuration, logger: quiet)
        let signal = WakeSignal()
        try listener.listen("c")
        #expect(try !listener.waitForNotification(timeout: .milliseconds(1), or: signal))
        let raiser = Companion { signal.raise() }
        #expect(try !listener.waitForNotification(timeout: .seconds(3600), or: signal))
        #expect(signal.take())
        try raiser.value()
        try sender.notify("c", "one")
        #expect(try listener.waitForNotification(timeout: .seconds(3600), or: signal))
        try sender.notify("c", "two")
        try sender.notify("c", "three")
        _ = try listener.query("SELECT 1")
        #expect(listener.dropNotifications())
        #expect(!listener.dropNotifications())
        // What a dead session might have heard is to be looked for.
        _ = try sender.query("SELECT pg_terminate_backend($1)", [.int4(listener.processID)])
        #expect(
            failure { _ = try listener.waitForNotification(timeout: .seconds(3600), or: signal) }?.isConnectionLost
                == true)
    }

    @Test func advisoryLocksExclude() throws {
        let configuration = try freshDatabase()
        let one = try Connection(configuration, logger: quiet)
        var impatient = configuration
        impatient.lockTimeout = .milliseconds(50)
        let two = try Connection(impatient, logger: quiet)
        let key = Connection.advisoryKey("relay of orders")
        #expect(key != Connection.advisoryKey("relay of payment"))
        #expect(try one.tryAdvisoryLock(key))
        #expect(try !two.tryAdvisoryLock(key))
        #expect(failure { try two.advisoryLock(key) }?.kind == .server(.lockNotAvailable))
        #expect(try !two.advisoryUnlock(key))
        #expect(try one.advisoryUnlock(key))
        try two.advisoryLock(key)
        func isFree() throws -> Bool { try one.transaction { try $0.tryTransactionLock(key) } }
        #expect(try !isFree())
        two.close()
        try eventually("the server has noticed the end of the session", isFree)
        try one.transaction { one in
            try one.transactionLock(key)
            let three = try Connection(configuration, logger: quiet)
            #expect(try !three.tryAdvisoryLock(key))
        }
        #expect(failure { try one.tryTransactionLock(key) }?.kind == .misuse)
    }
}
