import HTTPServer
import TestServers
import Testing

@testable import OrderflowKit

/// What a caller may do, and for whom.
@Suite(.blocking) struct PrincipalTests {
    @Test func everyScopeIsARightOfItsOwn() {
        for right in Right.scopes {
            let alone = Rights([right])
            #expect(Right.scopes.filter(alone.contains) == [right])
            #expect(Rights(scopes: alone.scopes) == alone)
        }
        #expect(Rights.all.scopes.count == Right.scopes.count)
        #expect(Rights(scopes: ["openid", "open", "ORDERS:READ", ""]) == [])
        #expect(Rights([]).contains(.open))
    }

    @Test func theLesserRightIsForWhatIsTheCallersOwn() {
        let customer = Principal(.token, subject: "u-1", tenant: "acme", rights: Rights([.ordersReadOwn]))
        let clerk = Principal(.token, subject: "c-1", tenant: "acme", rights: Rights([.ordersRead, .ordersReadOwn]))
        #expect(customer.grant(of: .ordersRead) == .own("u-1"))
        #expect(customer.grant(of: .ordersReadOwn) == .all)
        #expect(customer.grant(of: .ordersWrite) == .none)
        #expect(customer.grant(of: .stockRead) == .none)
        #expect(clerk.grant(of: .ordersRead) == .all)
        #expect(Principal.anonymous.grant(of: .operate) == .none)
        #expect(Right.scopes.allSatisfy { Principal.open.grant(of: $0) == .all })

        let needs = [(Right.ordersRead, true, true), (.ordersRead, false, false), (.open, false, true)]
        for (right, orOwn, isMet) in needs {
            let need = Routes(needing: right, orOwn: orOwn) { Get("/") { _ in .text(.ok, "") } }.need
            #expect(need.isMet(by: customer) == isMet, "\(right) \(orOwn)")
        }
    }

    @Test func theTenantIsThePrincipalsAndAHeadersOnlyWhereItMayActForAny() async throws {
        let routes = Routes(needing: .ordersRead) {
            Get("/") { _, context in .text(.ok, "\(context.tenant) \(context.actor ?? "-")") }
        }
        func principal(_ kind: Principal.Kind, _ tenant: String?, _ rights: Right...) -> Principal {
            Principal(kind, subject: kind == .token ? "u-1" : "", tenant: tenant, rights: Rights(rights))
        }
        let table: [(principal: Principal, header: String?, status: Int, answer: String)] = [
            (.open, nil, 200, "default x"), (.open, "acme", 200, "acme x"),
            (principal(.token, "acme"), nil, 200, "acme u-1"), (principal(.token, "acme"), "acme", 200, "acme u-1"),
            (principal(.token, "acme"), "other", 403, ""), (principal(.token, "acme"), "default", 403, ""),
            (principal(.token, "acme"), "a b", 400, ""),
            (principal(.token, "acme", .tenantsAny), "other", 200, "other u-1"),
            (principal(.token, "acme", .tenantsAny), nil, 200, "acme u-1"),
            (principal(.token, nil, .tenantsAny), nil, 200, "default u-1"),
            (.anonymous, nil, 200, "default -"), (.anonymous, "acme", 403, ""),
        ]
        for row in table {
            try await serving(Router([routes], gate: FixedGate(principal: row.principal)), with: []) { port in
                let client = try WireClient(port: port)
                var headers = ["X-Actor": "x"]
                headers["X-Tenant-Id"] = row.header
                try client.get("/", headers)
                let answer = try client.answer()
                #expect(answer.status == row.status, "\(row)")
                if row.status == 200 { #expect(answer.body == row.answer) }
                if row.status == 403 {
                    #expect(answer.header("WWW-Authenticate")?.contains("scope=\"tenants:any\"") == true)
                }
            }
        }
    }
}
