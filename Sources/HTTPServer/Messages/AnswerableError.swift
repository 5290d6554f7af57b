/// An error that knows its answer. A handler throws it; the server sends what it says.
public protocol AnswerableError: Error {
    /// - Parameter title: what the route calls a request that it refuses (`Middleware.refusals(titled:)`); nil where it
    ///   doesn't say.
    func problem(titled title: String?) -> HTTPProblem
}

extension HTTPProblem: AnswerableError {
    /// Itself: a problem has its title already.
    public func problem(titled title: String?) -> HTTPProblem { self }
}
