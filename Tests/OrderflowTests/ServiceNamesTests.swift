import ArgumentParser
import Testing

@testable import OrderflowApp

/// A service that no command knows is said so, with those that there are.
@Suite struct ServiceNamesTests {
    @Test func eachCommandNamesWhatItCanAsk() throws {
        func refusal(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch {
                return Orderflow.message(for: error)
            }
        }
        for (text, hasKeys) in [
            (refusal { _ = try AuditListCommand.parse(["--service", "views", "--service", "nowhere"]) }, true),
            (refusal { _ = try ScheduleListCommand.parse(["--service", "nowhere"]) }, false),
        ] {
            #expect(text.contains("--service takes one of ") && text.contains(", not nowhere"), "\(text)")
            #expect(text.contains(", access") == hasKeys, "\(text)")
        }
        _ = try AuditListCommand.parse(["--service", "access"])
        #expect(ServiceNames.sending.databases(["views"]).map(\.name) == ["views"])
        #expect(ServiceNames.sending.databases([]).count == OrderflowApp.services.databases.count)
    }
}
