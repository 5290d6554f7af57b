import HTTPServer
import JSON
import OrderflowKit
import Outbound

/// The other roles of the shop, each behind a link of its own: what one of them is too slow or not there for is an error
/// of the fields that need it, and of nothing else.
struct ShopLinks: Sendable {
    /// Nil in a program without such a role.
    let saga: RoleLink?
    let inventory: RoleLink?
    /// What the saga role is shown: it answers the installation's own processes and operators alone, and whose an order
    /// is was looked at before.
    let service: [(name: String, value: String)]

    /// Fulfilments that one call asks for.
    static let sagaBatch = 25

    /// Fulfilments by their orders' ids; those that the saga hasn't heard of aren't there.
    func sagas(of orderIDs: [String], for caller: GraphQLCaller) async throws(ProblemError) -> [String: JSONValue] {
        guard let saga else { throw RoleLink.missing("saga") }
        let ids = orderIDs.map { "id=" + URLPath.segment($0) }.joined(separator: "&")
        let document = try await saga.document("/sagas?" + ids, headers: caller.fields + service)
        var found: [String: JSONValue] = [:]
        for instance in document?["sagas"]?.array ?? [] {
            if let id = instance["orderId"]?.string { found[id] = instance }
        }
        return found
    }

    /// Levels by article; those that aren't counted aren't there.
    func stock(of skus: [String], for caller: GraphQLCaller) async -> [String: Result<JSONValue, any Error>] {
        guard let inventory else {
            return Dictionary(uniqueKeysWithValues: skus.map { ($0, .failure(RoleLink.missing("inventory"))) })
        }
        let headers = caller.credentials
        return await inventory.each(skus) { sku throws(ProblemError) in
            try await inventory.document("/stock?sku=" + URLPath.segment(sku), headers: headers)?["stock"]?[0]
        }
    }
}
