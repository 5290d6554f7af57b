/// Headers of requests and replies beside those of every event (docs/asyncapi.yaml). A reply's cause, `ce_causationid`, is
/// its request: that is how the two are put together, and where records are signed, the signature covers it.
enum RequestHeader {
    /// The topic that the asker reads.
    static let replyTo = "orderflow_reply_to"
    /// RFC 3339; nobody waits for an answer after that.
    static let deadline = "orderflow_deadline"
    /// On an asker's own topic: that it is alive, and reads what comes.
    static let presence = "orderflow_presence"
}
