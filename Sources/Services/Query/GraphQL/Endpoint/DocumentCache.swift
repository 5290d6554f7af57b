import Execution
import GraphQL
import Hashing

/// Documents that were found valid, by the SHA-256 of their text: what is asked again isn't checked again, and clients
/// may send the hash alone (automatic persisted queries). Bounded: of two generations the older one is dropped when the
/// younger is full, so that what is in use stays.
final class DocumentCache: Sendable {
    private struct Generations {
        var young: [String: PreparedDocument] = [:]
        var old: [String: PreparedDocument] = [:]
        /// Of the texts.
        var youngBytes = 0
    }

    private let capacity: Int
    private let byteCapacity: Int
    private let state = Monitor(Generations())

    /// - Parameters:
    ///   - capacity: documents that are kept at most, half of them at least.
    ///   - bytes: of their texts together.
    init(capacity: Int, bytes: Int = 16 << 20) {
        self.capacity = max(1, capacity / 2)
        byteCapacity = max(1, bytes / 2)
    }

    static func hash(of text: String) -> String {
        Hexadecimal.text(Digest.sha256.hash(Array(text.utf8)))
    }

    func document(_ hash: String) -> PreparedDocument? {
        state.withLock { state in
            if let document = state.young[hash] { return document }
            guard let document = state.old.removeValue(forKey: hash) else { return nil }
            keep(document, hash, in: &state)
            return document
        }
    }

    func keep(_ document: PreparedDocument, _ hash: String) {
        state.withLock { keep(document, hash, in: &$0) }
    }

    private func keep(_ document: PreparedDocument, _ hash: String, in state: inout Generations) {
        guard state.young[hash] == nil else { return }
        let size = document.document.source.bytes.count
        if state.young.count >= capacity || state.youngBytes + size > byteCapacity {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.young[hash] = document
        state.youngBytes += size
    }
}
