/// The table of messages that wait for their time, in the database of the service that sends them.
enum ScheduleSchema {
    /// Nothing looks at what isn't due: the first index leads to what is, the second one to what is to be cancelled, and to
    /// what has to go before a message of the same key.
    static let sql = """
        CREATE TABLE scheduled_messages (
            id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            due_at         timestamptz NOT NULL,
            tenant         text NOT NULL,
            topic          text NOT NULL,
            key            text NOT NULL,
            type           text NOT NULL,
            schema_version int  NOT NULL,
            data           json,
            metadata       json NOT NULL,
            raw            bytea,
            content_type   text,
            scheduled_at   timestamptz NOT NULL DEFAULT now(),
            CHECK ((data IS NULL) = (raw IS NOT NULL)),
            CHECK ((content_type IS NULL) = (raw IS NULL))
        );
        CREATE INDEX scheduled_messages_due ON scheduled_messages (due_at, id);
        CREATE INDEX scheduled_messages_key ON scheduled_messages (key, due_at, id);
        """
}
