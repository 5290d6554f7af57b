import Schemas

/// A message that has everything that a message may have.
enum SampleMessages {
    static let line = RecordSchema(
        "Line", [.init(1, "sku", .text, "The article's."), .init(2, "qty", .int32), .optional(3, "seen_at", .time)])

    static let parcel = MessageSchema(
        "ParcelLost", version: 2, "A parcel is gone.", reserved: [3, 9],
        [
            .init(1, "orderId", .text), .init(2, "weight", .double), .init(4, "lines", .list(.record(line))),
            .optional(5, "first", .record(line)), .init(6, "price", .amount, "Without taxes."),
            .init(7, "at", .time), .init(8, "count", .int64), .optional(10, "insured", .bool),
            .init(11, "matrix", .list(.list(.int32))), .optional(12, "more", .json),
            .optional(13, "tags", .list(.text)),
        ])

    static let plain = MessageSchema("ParcelSent", "A parcel has left.", [.init(1, "orderId", .text)])
}
