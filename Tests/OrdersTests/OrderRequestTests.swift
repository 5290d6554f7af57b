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

    @Test(arguments: [
        ("-0.01", "USD"), ("-10", "USD"), ("1000000000000", "USD"), ("92233720368547758.07", "USD"),
        (#""92233720368547758.07""#, "USD"), ("1e15", "JPY"), ("0.001", "USD"), ("705.5", "JPY"), (#""""#, "USD"),
    ])
    func amountsOutOfBoundsAreRefused(_ total: String, _ currency: String) {
        let body = #"{"userId":"u","items":[{"sku":"s","qty":1}],"total":\#(total),"currency":"\#(currency)"}"#
        #expect(pointers(body) == ["/total"])
    }

    @Test(arguments: ["ANG", "BGN", "ZWL", "HRK", "XAU", "usd"])
    func currenciesThatAreNotInUseAreRefused(_ code: String) {
        #expect(pointers(order(more: #","currency":"\#(code)""#)) == ["/currency"])
    }
}
