/// Loads many values by their keys at once, so that a field of fifty parents is one call (and one SQL statement).
///
/// A resolver asks with `call.load(loader, key) { value in … }` and returns at once. When nothing is left to resolve
/// without waiting, each loader that was asked gets all of its keys, each once, in one call: the number of calls follows
/// from the document and not from timing. All answers of such a wave are there before the next one begins. Within a
/// request a key is loaded once.
///
/// A loader is made once, not once a request: its identity is what brings keys together.
public final class Loader<Context: Sendable, Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// For errors.
    public let name: String
    /// A call never gets more keys; further ones go into calls beside it.
    public let batchLimit: Int
    /// A call that takes longer fails for all of its keys, and is cancelled.
    public let deadline: Duration?
    let batch: @Sendable ([Key], Context) async throws -> [Key: Result<Value, any Error>]

    /// - Parameter batch: the values by their keys; what is not found is left out. Throws where all of them failed.
    public init(
        _ name: String, batchLimit: Int = 1000, deadline: Duration? = nil,
        batch: @escaping @Sendable ([Key], Context) async throws -> [Key: Value]
    ) {
        self.name = name
        self.batchLimit = max(1, batchLimit)
        self.deadline = deadline
        self.batch = { keys, context in try await batch(keys, context).mapValues { .success($0) } }
    }

    /// - Parameter partial: as `batch`, but each key may have failed for itself.
    public init(
        _ name: String, batchLimit: Int = 1000, deadline: Duration? = nil,
        partial: @escaping @Sendable ([Key], Context) async throws -> [Key: Result<Value, any Error>]
    ) {
        self.name = name
        self.batchLimit = max(1, batchLimit)
        self.deadline = deadline
        batch = partial
    }
}
