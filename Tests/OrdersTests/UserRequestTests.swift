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
