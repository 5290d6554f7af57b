import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// That it is what the roles really do is seen in `AsyncAPITests`.
@Suite struct TopicAccessTests {
    @Test func aRoleMayDoItsOwnWorkAndNothingElse() throws {
        let settings = Settings(OrderflowApp.services)
        let payment = try #require(OrderflowApp.services["payment"])
        let access = TopicAccess(of: payment, settings, principal: "orderflow-payment")
        let letters = ["payment-commands.payment-group.dlt", "payment-commands-express.payment-group.dlt"]
        let facts = ["order-commands", "order-commands-express", "order-events", "order-events-express"]
        let commands = ["payment-commands", "payment-commands-express"]
        #expect(access.groups == ["payment-group"])
        #expect(access.writes == Set(facts + letters))
        #expect(access.reads == Set(commands + facts + letters))
        let add = #"kafka-acls --bootstrap-server "$BROKERS" --command-config "$CONFIG" --add"#
        #expect(
            access.commands == [
                "\(add) --allow-principal 'User:orderflow-payment' --operation Read "
                    + commands.map { "--topic \($0)" }.joined(separator: " "),
                "\(add) --allow-principal 'User:orderflow-payment' --operation Read --operation Write "
                    + (facts + letters).sorted().map { "--topic \($0)" }.joined(separator: " "),
                "\(add) --allow-principal 'User:orderflow-payment' --operation Read --group payment-group",
            ])
    }

    @Test func itFollowsTheMode() throws {
        var settings = Settings(OrderflowApp.services)
        let saga = try #require(OrderflowApp.services["saga"])
        let commands: Set = ["order-commands", "payment-commands", "inventory-commands"]
        #expect(TopicAccess(of: saga, settings, principal: "p").writes.isSuperset(of: commands))
        settings.mode = .choreography
        #expect(TopicAccess(of: saga, settings, principal: "p").writes.isDisjoint(with: commands))
    }

    /// Nobody consumes for another's group or publishes what another says, and only who prepares makes topics.
    @Test func noTwoRolesHaveAGroup() {
        let settings = Settings(OrderflowApp.services)
        let all = TopicAccess.all(settings, pattern: "orderflow-%s")
        let roles = all.filter { $0.clusterOperations.isEmpty }
        let groups = roles.flatMap(\.groups)
        #expect(Set(groups).count == groups.count && Set(groups) == Set(settings.subscriptions.keys))
        #expect(all.filter { $0.clusterOperations.contains("Create") }.map(\.principal) == ["orderflow-prepare"])
        #expect(all.allSatisfy { access in access.commands.allSatisfy { $0.contains(" --operation ") } })
    }
}
