import CLibcurl
import Networks

/// Where bodies are posted: `http` or `https`, no user or password, any port. It is read by libcurl's own parser, which
/// reads it again when it is called: two parsers that disagree about a URL's host are a way around every rule.
package struct DeliveryURL: Sendable {
    /// Longer ones are no URL that anybody chose (RFC 9110 §4.1 asks for 8000 octets at least from those who read them).
    package static let limit = 2_048

    /// As libcurl writes it.
    package let text: String
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let isEncrypted: Bool

    package init(_ written: String) throws(DeliveryURLError) {
        guard written.utf8.count <= Self.limit else { throw .tooLong(bytes: written.utf8.count, limit: Self.limit) }
        guard written.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .characters }
        guard let url = curl_url() else { throw .malformed("libcurl is out of memory") }
        defer { curl_url_cleanup(url) }
        let code = curl_url_set(url, CURLUPART_URL, written, UInt32(CURLU_NON_SUPPORT_SCHEME))
        guard code == CURLUE_OK else { throw .malformed(String(cString: curl_url_strerror(code))) }
        func part(_ which: CURLUPart) -> String? {
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(url, which, &text, 0) == CURLUE_OK, let text else { return nil }
            defer { curl_free(text) }
            return String(cString: text)
        }
        guard let scheme = part(CURLUPART_SCHEME), scheme == "http" || scheme == "https" else { throw .scheme }
        guard part(CURLUPART_USER) == nil, part(CURLUPART_PASSWORD) == nil else { throw .credentials }
        guard part(CURLUPART_FRAGMENT) == nil else { throw .fragment }
        guard let host = part(CURLUPART_HOST), !host.isEmpty, let text = part(CURLUPART_URL) else {
            throw .malformed("there is no host in it")
        }
        self.text = text
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        isEncrypted = scheme == "https"
    }

    /// The address that stands in it; nil where that is a name. In whichever form it was written: 127.1, 0x7f000001 and
    /// 2130706433 are 127.0.0.1 to libcurl, and here.
    package var address: IPAddress? { IPAddress(host) }

    /// What is wrong with a URL that a partner would have called, without asking a name server; nil where nothing is yet.
    package static func fault(_ written: String, rules: AddressRules, needsTLS: Bool) -> String? {
        let url: DeliveryURL
        do throws(DeliveryURLError) { url = try DeliveryURL(written) } catch { return "\(error)" }
        if needsTLS, !url.isEncrypted { return "it must start with https://" }
        guard let address = url.address, let purpose = rules.refusal(of: address) else { return nil }
        return "\(address) is \(purpose): no such address is called"
    }
}

/// Why a text is no URL to post to. The description is for who wrote it.
package enum DeliveryURLError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong(bytes: Int, limit: Int)
    case characters
    case malformed(String)
    case scheme
    case credentials
    case fragment

    package var description: String {
        switch self {
        case .tooLong(let bytes, let limit): "it has \(bytes) bytes, and \(limit) at most"
        case .characters: "it has blanks or characters beyond ASCII: encode them with %, and names with punycode"
        case .malformed(let reason): reason
        case .scheme: "it must start with https:// or http://"
        case .credentials: "it must have no user or password: what is posted is signed"
        case .fragment: "it must have no #fragment: that is never sent"
        }
    }
}
