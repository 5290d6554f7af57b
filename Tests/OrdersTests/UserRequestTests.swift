import JSON
import Testing

@testable import Orders

@Suite struct UserRequestTests {
    /// Where the body is wrong; nil when it isn't.
    private func flaws<Value>(
        _ body: String, _ read: (UnsafeRawBufferPointer) throws -> Value
    ) throws -> [String]? {
        do {
            _ = try Array(body.utf8).withUnsafeBytes(read)
            return nil
        } catch let refusal as OrderRequest.Refusal {
            switch refusal {
            case .invalid(let violations): return violations.map(\.pointer)
            case .malformed: return ["malformed"]
            }
        }
    }

    @Test func usersAreChecked() throws {
        let table: [(body: String, pointers: [String]?)] = [
            (#"{"name":"Alice","email":"a@b"}"#, nil),
            (#"{"name":"Alice","email":"a@b","userId":"alice","x":[1]}"#, nil),
            (#"{}"#, ["/name", "/email"]), (#"{"name":"","email":"a@b"}"#, ["/name"]),
            (#"{"name":"A","email":"ab"}"#, ["/email"]), (#"{"name":"A","email":"a@b@c"}"#, ["/email"]),
            (#"{"name":"A","email":null}"#, ["/email"]), (#"{"name":1,"email":"a@b"}"#, ["/name"]),
            (#"{"name":"A\u0000","email":"a@b"}"#, ["/name"]),
            (#"{"name":"A","email":"a@b","userId":""}"#, ["/userId"]),
            (#"{"name":"A","email":"a@b""#, ["malformed"]), (#"{"name":"A","name":"B","email":"a@b"}"#, ["malformed"]),
            ("[]", [""]),
        ]
        for (body, expected) in table {
            #expect(try flaws(body) { try UserRequest(json: $0) } == expected, "\(body)")
        }
    }

    @Test func accountsAreChecked() throws {
        let table: [(body: String, pointers: [String]?)] = [
            (#"{"userId":"alice","address":"1 Main St"}"#, nil),
            (#"{"userId":"alice","address":{"street":"1 Main St","city":null,"planet":"Earth"}}"#, nil),
            (#"{}"#, ["/userId", "/address"]), (#"{"userId":"alice","address":""}"#, ["/address"]),
            (#"{"userId":"alice","address":{"city":"S"}}"#, ["/address/street"]),
            (#"{"userId":"alice","address":{"street":"1","city":5}}"#, ["/address/city"]),
            (#"{"userId":"alice","address":7}"#, ["/address"]),
        ]
        for (body, expected) in table {
            #expect(try flaws(body) { try AccountRequest(json: $0) } == expected, "\(body)")
        }
    }
}

@Suite struct UserFactTests {
    private func decode(_ type: String, _ version: Int, _ payload: String) throws -> UserFact? {
        try UserFact.decode(type: type, schemaVersion: version, payload: Array(payload.utf8), time: 5, id: "m-1")
    }

    /// Version 1 has its address as a text, version 2 in parts.
    @Test func oldAndNewVersionsAreReadSideBySide() throws {
        let old = try decode("AccountCreated", 1, #"{"userId":"alice","address":"1 Main St, Springfield"}"#)
        let new = try decode(
            "AccountCreated", 2,
            #"{"accountId":"a-1","userId":"alice","address":{"street":"1 Main St","city":"Springfield"},"createdAt":"1970-01-01T00:00:01Z"}"#
        )
        #expect(
            old
                == .accountCreated(
                    AccountCreated(
                        accountID: "m-1", userID: "alice", address: PostalAddress(street: "1 Main St, Springfield"),
                        createdAt: 5)))
        #expect(
            new
                == .accountCreated(
                    AccountCreated(
                        accountID: "a-1", userID: "alice",
                        address: PostalAddress(street: "1 Main St", city: "Springfield"), createdAt: 1_000_000)))
        // Of the new kind, by a producer that says no version; and of a version that is yet to come.
        #expect(try decode("account.created", 1, #"{"userId":"alice","address":{"street":"1"}}"#) != nil)
        #expect(try decode("AccountCreated", 3, #"{"userId":"alice","address":{"street":"1","moon":true}}"#) != nil)
        #expect(try decode("OrderCreated", 1, "{}") == nil)
    }

    @Test func whatIsWrittenIsRead() throws {
        let facts: [UserFact] = [
            .userCreated(UserCreated(userID: "u", name: "Zoë \"Z\"", email: "z@example.com", createdAt: 1_234_567)),
            .accountCreated(
                AccountCreated(
                    accountID: "a", userID: "u",
                    address: PostalAddress(street: "1", city: "2", region: "3", postalCode: "4", country: "5"),
                    createdAt: 1)),
        ]
        for fact in facts {
            let again = try UserFact.decode(
                type: fact.type, schemaVersion: fact.schemaVersion, payload: fact.payload(), time: 0, id: "")
            #expect(again == fact)
        }
    }

    @Test func upcastersGoStepByStep() throws {
        let upcasters = Upcasters([
            Upcasters.Step("T", from: 1) {
                $0["b"] = $0["a"]; $0["a"] = nil
            },
            Upcasters.Step("T", from: 2) { $0["c"] = true },
        ])
        let table: [(type: String, version: Int, before: String, after: String)] = [
            ("T", 1, #"{"a":1}"#, #"{"b":1,"c":true}"#), ("T", 2, #"{"b":1}"#, #"{"b":1,"c":true}"#),
            ("T", 3, #"{"b" :1}"#, #"{"b" :1}"#), ("T", 9, #"{"z":1}"#, #"{"z":1}"#),
            ("U", 1, #"{"a":1}"#, #"{"a":1}"#),
        ]
        for (type, version, before, after) in table {
            let result = try upcasters.upcast(type, version, Array(before.utf8))
            #expect(String(decoding: result, as: UTF8.self) == after)
        }
        #expect(throws: PayloadError.self) { try upcasters.upcast("T", 1, Array("{".utf8)) }
    }
}
