import Foundation
import JSON
import Orders
import Randomness
import Testing

/// Damaged bodies of `POST /orders`: whatever comes is refused with a place, or is an order within its bounds that a
/// strict parser reads the same. `ORDERFLOW_FUZZ_SECONDS` sets how long (1 by default).
@Suite struct OrderRequestMutationTests {
    private static let corpus = [
        #"{"userId":"alice","items":[{"sku":"ABC","qty":2}],"total":49.99}"#,
        #"{"userId":"żółć 🧑‍🚀","items":[{"sku":"A\u00e9\ud83d\ude00","qty":1},{"qty":10000,"sku":"B"}],"total":"0.10"}"#,
        #"{ "currency" : "JPY" , "total" : 12e2 , "userId" : "b" , "items" : [ { "sku" : "X" , "qty" : 1 , "z" : [{}] } ] }"#,
        #"{"userId":"c","items":[{"sku":"S","qty":7}],"total":"1.5e1","currency":"KWD","email":"a@b.c","other":{"a":[1]}}"#,
        #"{"userId":"d","items":[{"sku":"S","qty":7}],"total":0,"email":null,"shippingAddress":"1 \n Road","paymentToken":"t"}"#,
        #"{"userId":"e","items":[],"total":-1}"#,
        #"{"userId":"f","items":[{"sku":"","qty":0}],"total":92233720368547758.07}"#,
    ]
    private static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\\u0041", "null", "true", "-", "0", "00",
        "1e9",
        "e", ".", "9223372036854775808", "1e-400", "\"qty\":1", "\"total\":1,", "\"items\":[],", "\"userId\":\"\",",
        "\"currency\":\"XXX\",", "\"email\":\"@\",", "\u{7F}", "\u{0}", "\n", " ", "[[[[[[[[[[[[[[[[[[", "é",
    ]

    @Test func damagedBodiesAreReadAsAStrictParserDoes() throws {
        var random = SeededGenerator.fromEnvironment()
        let seconds = ProcessInfo.processInfo.environment["ORDERFLOW_FUZZ_SECONDS"].flatMap { Int($0) } ?? 1
        let end = ContinuousClock.now + .seconds(seconds)
        var (runs, accepted) = (0, 0)
        repeat {
            var bytes = Array(Self.corpus.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random) { Self.damage(&bytes, &random) }
            if let flaw = Self.flaw(of: bytes, &accepted) {
                Issue.record("\(flaw): \(String(decoding: bytes, as: UTF8.self)); seed \(random.seed), run \(runs)")
                return
            }
            runs += 1
        } while .now < end
        print("\(runs) damaged bodies, \(accepted) accepted")
        // Both ways must have been tried.
        #expect(accepted > runs / 100 && accepted < runs * 9 / 10)
    }

    /// What is wrong with the reading of `bytes`; nil when nothing is.
    private static func flaw(of bytes: [UInt8], _ accepted: inout Int) -> String? {
        let strict = try? JSONValue(parsing: bytes)
        do throws(OrderRequest.Refusal) {
            let request = try read(bytes)
            accepted += 1
            guard let strict else { return "accepted, though it isn't JSON" }
            return difference(request, strict)
        } catch {
            switch error {
            case .malformed(let reason):
                // The request may nest less deeply than the tree.
                return strict == nil || reason.reason.contains("deep")
                    ? nil : "refused as no JSON (\(reason)), though it is"
            case .invalid(let violations):
                let sound = violations.allSatisfy {
                    !$0.detail.isEmpty && ($0.pointer.isEmpty || $0.pointer.hasPrefix("/"))
                }
                return !violations.isEmpty && sound ? nil : "refused without a reason or place: \(violations)"
            }
        }
    }

    private static func read(_ bytes: [UInt8]) throws(OrderRequest.Refusal) -> OrderRequest {
        let result = bytes.withUnsafeBytes { bytes in
            do throws(OrderRequest.Refusal) {
                return Result<OrderRequest, OrderRequest.Refusal>.success(try OrderRequest(json: bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// How an accepted request differs from the document, or exceeds its bounds.
    private static func difference(_ request: OrderRequest, _ json: JSONValue) -> String? {
        typealias Limit = OrderRequest.Limit
        if request.userID != json["userId"]?.string || !(1...Limit.userID).contains(request.userID.utf8.count) {
            return "userId \(request.userID)"
        }
        let lines = (json["items"]?.array ?? []).map { ($0["sku"]?.string, $0["qty"]?.int64) }
        let isSame =
            lines.count == request.items.count
            && zip(lines, request.items).allSatisfy { $0.0 == $1.sku && $0.1 == Int64($1.quantity) }
        let isBounded =
            Limit.items.contains(request.items.count)
            && request.items.allSatisfy {
                (1...Limit.sku).contains($0.sku.utf8.count) && Limit.quantity.contains(Int64($0.quantity))
            }
        if !isSame || !isBounded { return "items \(request.items)" }
        for (text, name, limit) in [
            (request.email, "email", Limit.email), (request.shippingAddress, "shippingAddress", Limit.address),
            (request.paymentToken, "paymentToken", Limit.token),
        ] where text != json[name]?.string || (text?.utf8.count ?? 0) > limit {
            return "\(name) \(text ?? "null")"
        }
        // Exact through `Decimal`, which has 38 digits.
        let written = json["total"]?.number?.text ?? json["total"]?.string ?? ""
        let units = Decimal(request.total.minorUnits) / pow(Decimal(10), request.total.currency.digits)
        if request.total.minorUnits < 0 || Decimal(string: written, locale: Locale(identifier: "en_US_POSIX")) != units
            || request.total.currency.code != json["currency"]?.string ?? "USD"
            || (try? Money(decimal: request.total.decimalText, currency: request.total.currency)) != request.total
        {
            return "total \(request.total) of \(written)"
        }
        return nil
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let length = Int.random(in: 0...min(20, bytes.count - at), using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
        case 1: if at < bytes.count { bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 2: bytes.removeSubrange(at..<(at + length))
        case 3: bytes.insert(contentsOf: bytes[at..<(at + length)], at: at)
        case 4: bytes.insert(contentsOf: Array(tokens.randomElement(using: &random)!.utf8), at: at)
        case 5:
            // A digit for a digit: still a document, another order.
            let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
            if let index = digits.randomElement(using: &random) {
                bytes[index] = UInt8.random(in: 0x30...0x39, using: &random)
            }
        default: bytes.removeSubrange(at...)
        }
    }
}
