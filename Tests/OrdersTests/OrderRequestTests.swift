import Orders
import Testing

@Suite struct OrderRequestTests {
    private func pointers(_ body: String) -> [String] {
        Array(body.utf8).withUnsafeBytes { bytes in
            do throws(OrderRequest.Refusal) {
                _ = try OrderRequest(json: bytes)
                return []
            } catch {
                if case .invalid(let violations) = error { return violations.map(\.pointer) }
                return ["malformed"]
            }
        }
    }

    private func order(user: String = "u", sku: String = "s", more: String = "") -> String {
        #"{"userId":"\#(user)","items":[{"sku":"\#(sku)","qty":1}],"total":1\#(more)}"#
    }

    @Test(arguments: [#"\n"#, #"\t"#, #"\r"#, #"\u0000"#, #"\u001f"#, "\u{7F}"])
    func controlCharactersAreOnlyForAddresses(_ character: String) {
        #expect(pointers(order(user: "a\(character)b")) == ["/userId"])
        #expect(pointers(order(sku: "a\(character)b")) == ["/items/0/sku"])
        #expect(pointers(order(more: #","email":"a\#(character)@b.c""#)) == ["/email"])
        #expect(pointers(order(more: #","paymentToken":"a\#(character)""#)) == ["/paymentToken"])
        let isLayout = [#"\n"#, #"\t"#].contains(character)
        #expect(
            pointers(order(more: #","shippingAddress":"a\#(character)b""#)) == (isLayout ? [] : ["/shippingAddress"]))
    }

    @Test(arguments: [
        "a", "@", "a@", "@b", "a@b@c", "a b@c", "<a@b>", "a@b,c@d", "a;b@c", #"\"a\"@b"#, "a(c)@b", "a@[1]",
    ])
    func whatNoMailCanGoToIsNoAddress(_ email: String) {
        #expect(pointers(order(more: #","email":"\#(email)""#)) == ["/email"])
    }

    @Test(arguments: ["a@b", "a.b+c@d.example", "ä@ö.example"])
    func addressesAreTaken(_ email: String) {
        #expect(pointers(order(more: #","email":"\#(email)""#)) == [])
    }
}
