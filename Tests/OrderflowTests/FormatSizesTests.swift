import Testing

@testable import OrderflowApp

/// What the formats of payloads are for.
@Suite struct FormatSizesTests {
    @Test func protobufTakesSixtyPercentOfJSONAtMost() throws {
        let rows = try FormatSizes().rows
        #expect(rows.map(\.format) == ["JSON", "Protobuf", "Avro"])
        for row in rows.dropFirst() {
            #expect(row.payload * 100 <= rows[0].payload * 60, "\(row)")
            #expect(row.created * 100 <= rows[0].created * 60, "\(row)")
            #expect(row.order * 100 <= rows[0].order * 60, "\(row)")
        }
    }
}
