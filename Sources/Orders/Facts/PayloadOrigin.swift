/// Where a payload comes from, and so how closely it is looked at.
public enum PayloadOrigin: Hashable, Sendable {
    /// A topic, where anybody may write: every member is held against the bounds that a request's has.
    case topic
    /// A table of ours: it was looked at when it came in, by the bounds of that day.
    case store
}
