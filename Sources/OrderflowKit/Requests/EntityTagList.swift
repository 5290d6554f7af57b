/// A list of entity tags, or `*` (RFC 9110 §13.1.1 and §13.1.2), over one field or several.
package enum EntityTagList {
    /// The listed tags without quotes and marks of weakness; `*` stays.
    package static func opaqueTags(_ headers: [String]) -> [String] {
        headers.flatMap { HeaderList.elements($0, hasEscapes: false) }.map { element in
            var tag = element[...]
            if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
            if tag.count >= 2, tag.hasPrefix("\""), tag.hasSuffix("\"") { tag = tag.dropFirst().dropLast() }
            return String(tag)
        }
    }
}
