/// What lets a relay find rows of express orders without reading those in front of them.
enum ExpressSchema {
    /// No row is rewritten, and the index has nothing but rows of express orders in it. A program of before writes none.
    static func rows(of table: String) -> String {
        """
        ALTER TABLE \(table) ADD COLUMN express boolean NOT NULL DEFAULT false;
        CREATE INDEX \(table)_express ON \(table) (txid, position) WHERE express;
        """
    }
}
