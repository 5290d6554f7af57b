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
        // What is for later it sends to itself.
        #expect(access.writes == Set(commands + facts + letters))
        #expect(access.reads == access.writes)
        let add = #"kafka-acls --bootstrap-server "$BROKERS" --command-config "$CONFIG" --add"#
        #expect(
            access.commands == [
                "\(add) --allow-principal 'User:orderflow-payment' --operation Read --operation Write "
                    + (commands + facts + letters).sorted().map { "--topic \($0)" }.joined(separator: " "),
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

    /// Who asks makes, reads and deletes topics of its own; who answers writes to anybody's.
    @Test func answersGoToTopicsByTheirPrefix() throws {
        let settings = Settings(OrderflowApp.services)
        let asks = TopicAccess(of: try #require(OrderflowApp.services["api"]), settings, principal: "p")
        #expect(asks.prefixOperations == ["replies.orders.": ["Create", "Delete", "Read", "Write"]])
        #expect(asks.writes.contains("quote-requests"))
        let answers = TopicAccess(of: try #require(OrderflowApp.services["inventory"]), settings, principal: "p")
        #expect(answers.reads.contains("quote-requests") && answers.groups.contains("inventory-quote-requests-group"))
        let add = #"kafka-acls --bootstrap-server "$BROKERS" --command-config "$CONFIG" --add"#
        let command =
            "\(add) --allow-principal 'User:p' --operation Write --topic replies. --resource-pattern-type prefixed"
        #expect(answers.commands.contains(command))
    }

    @Test func aRelayMayCopy() throws {
        var settings = Settings(OrderflowApp.services)
        settings.routes = ["a": "fanout to=partner"]
        for name in ["payment", "api"] {
            let module = try #require(OrderflowApp.services[name])
            #expect(TopicAccess(of: module, settings, principal: "p").writes.contains("partner"), "\(name)")
        }
        let saga = try #require(OrderflowApp.services["saga"])
        #expect(!TopicAccess(of: saga, settings, principal: "p").writes.contains("partner"))
    }

    /// Nobody consumes for another's group or publishes what another says, and only who prepares makes topics.
    @Test func noTwoRolesHaveAGroup() {
        let settings = Settings(OrderflowApp.services)
        let all = TopicAccess.all(settings, pattern: "orderflow-%s")
        let roles = all.filter { $0.clusterOperations.isEmpty }
        let groups = roles.flatMap(\.groups)
        let answering = settings.services.modules.flatMap(\.answers).map(\.group)
        #expect(Set(groups).count == groups.count && Set(groups) == Set(settings.subscriptions.keys + answering))
        #expect(all.filter { $0.clusterOperations.contains("Create") }.map(\.principal) == ["orderflow-prepare"])
        #expect(all.allSatisfy { access in access.commands.allSatisfy { $0.contains(" --operation ") } })
    }
}
