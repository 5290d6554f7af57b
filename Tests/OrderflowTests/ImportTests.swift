import Execution
import Foundation
import JSON
import Orders
import Testing

@testable import OrderflowApp

/// What an import reads, keeps and says, without an API.
@Suite struct ImportTests {
    // MARK: Tables

    private func rows(_ text: String, separator: Character = ",") throws -> [CSVParser.Row] {
        var parser = CSVParser(separator: separator.asciiValue ?? 0)
        var rows: [CSVParser.Row] = []
        for byte in text.utf8 { if let row = try parser.take(byte) { rows.append(row) } }
        if let row = parser.finish() { rows.append(row) }
        return rows
    }

    @Test func rowsAreReadByTheRules() throws {
        let table: [(text: String, rows: [[String]], flaws: Int)] = [
            ("a,b\n1,2\n", [["a", "b"], ["1", "2"]], 0), ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]], 0),
            ("a,b\n1,2", [["a", "b"], ["1", "2"]], 0), ("a,\n,\n", [["a", ""], ["", ""]], 0),
            ("\"a,1\",\"b\"\"c\"\r\n", [["a,1", "b\"c"]], 0), ("\"a\nb\",c\n", [["a\nb", "c"]], 0),
            ("\"a\r\nb\"\r\n", [["a\r\nb"]], 0), ("\n\n", [], 0), ("a\n\n\nb\n", [["a"], ["b"]], 0),
            ("\"\",x\n", [["", "x"]], 0), ("\"\"\n", [], 0), ("a b, c \n", [["a b", " c "]], 0),
            ("\"a\"b,c\n", [["ab", "c"]], 1), ("a\"b,c\n", [["a\"b", "c"]], 1), ("a,\"b\n", [["a", "b\n"]], 1),
            ("", [], 0),
        ]
        for (text, expected, flaws) in table {
            let rows = try rows(text)
            #expect(rows.map { $0.fields.map { String(decoding: $0, as: UTF8.self) } } == expected, "\(text)")
            #expect(rows.count { $0.flaw != nil } == flaws, "\(text)")
        }
        #expect(try rows("a\n\n\"b\nc\"\nd\n").map(\.line) == [1, 3, 5])
        #expect(try rows("a;b,c\n", separator: ";").first?.fields.count == 2)
        #expect(throws: CSVParser.RowTooLong(line: 2)) {
            try rows("a\n\"" + String(repeating: "x\n", count: CSVParser.rowLimit / 2))
        }
    }

    private func orders(_ text: String, ignoringUnknown: Bool = false) throws -> [ImportRecord] {
        let path = try file(text, "csv")
        var options = ImportReader.Options()
        options.format = .csv
        options.ignoresUnknownColumns = ignoringUnknown
        return try records(path, options)
    }

    private func file(_ text: String, _ ending: String) throws -> String {
        let path = NSTemporaryDirectory() + "import-\(UUID().uuidString).\(ending)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func records(_ path: String, _ options: ImportReader.Options) throws -> [ImportRecord] {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let reader = try ImportReader(path, options)
        var records: [ImportRecord] = []
        while let record = try reader.next() { records.append(record) }
        return records
    }

    @Test func rowsBecomeOrders() throws {
        let found = try orders(
            """
            \u{FEFF}Order,userId,sku,qty,price,currency,email
            1,alice,ABC,2,19.99,EUR,a@example.com
            1,,X"Y,1,5,,
            1,alice,"X""Y",1,5.00,,
            2,bob,ABC,3,0.10,,
            ,carol,ABC,1,7,JPY,
            ,carol,ABC,1,7,JPY,
            3,dora,ABC,1,1,,
            3,eve,ABC,1,1,,
            2,bob,ABC,1,1,,
            4,fay,ABC,x,1,,
            5,gil,ABC,1,1.001,,
            6,hal,ABC,1,1
            7,ida,ABC,9223372036854775807,900000000000,,
            """)
        let sound = found.filter { $0.flaw == nil }.map { String(decoding: $0.json, as: UTF8.self) }
        #expect(
            sound == [
                #"{"userId":"bob","items":[{"sku":"ABC","qty":3}],"total":"0.30"}"#,
                #"{"userId":"carol","items":[{"sku":"ABC","qty":1}],"total":"7","currency":"JPY"}"#,
                #"{"userId":"carol","items":[{"sku":"ABC","qty":1}],"total":"7","currency":"JPY"}"#,
            ])
        // Each keeps its place, and says where it began and what is wrong.
        #expect(found.map(\.place.number) == [2, 5, 6, 7, 8, 10, 11, 12, 13, 14])
        let flaws = found.compactMap(\.flaw)
        let words = [
            "line 3: has a quote", "line 9: userId is another", "stood further up", "qty is no whole number",
            "price must have at most 2 decimal digits", "has 5 fields, the header has 7", "too much",
        ]
        #expect(flaws.count == words.count)
        for (flaw, word) in zip(flaws, words) { #expect(flaw.contains(word), "\(flaw)") }
        for record in found where record.flaw == nil {
            _ = try record.json.withUnsafeBytes { try OrderRequest(json: $0) }
        }
    }

    @Test func linesOfOneOrderAreSummed() throws {
        let found = try orders("order,userId,sku,qty,price\n1,a,A,2,19.99\n1,a,B,1,5\n2,b,C,1,1\n")
        #expect(
            found.map { String(decoding: $0.json, as: UTF8.self) } == [
                #"{"userId":"a","items":[{"sku":"A","qty":2},{"sku":"B","qty":1}],"total":"44.98"}"#,
                #"{"userId":"b","items":[{"sku":"C","qty":1}],"total":"1.00"}"#,
            ])
        let named = try orders("userId,sku,qty,total,note\na,A,2,12.5,x\n", ignoringUnknown: true)
        #expect(
            named.map { String(decoding: $0.json, as: UTF8.self) }
                == [#"{"userId":"a","items":[{"sku":"A","qty":2}],"total":"12.5"}"#])
    }

    @Test func headersThatSayNothingAreRefused() {
        for header in [
            "userId,sku,price", "userId,sku,qty", "userId,sku,qty,price,colour", "userId,userid,sku,qty,price",
        ] {
            #expect(throws: ImportError.self) { try orders(header + "\na,b,c,d,e\n") }
        }
    }

    // MARK: JSON

    @Test func linesAndArraysGiveTheSameRecords() throws {
        let texts = [#"{"a":1}"#, #"{"b":[1,{"c":"\n"}]}"#, #"{"d":"é"}"#]
        let lines = try file("\n" + texts.joined(separator: "\r\n\n") + "\n", "ndjson")
        let array = try file("[ " + texts.joined(separator: "\n,\n") + "]", "json")
        let (fromLines, fromArray) = (try records(lines, .init()), try records(array, .init()))
        func bare(_ record: ImportRecord) -> String {
            String(decoding: record.json, as: UTF8.self).trimmingCharacters(in: .whitespaces)
        }
        #expect(fromLines.map(bare) == texts && fromArray.map(bare) == texts)
        #expect(fromLines.map(\.place.description) == ["line 2", "line 4", "line 6"])
        #expect(fromArray.map(\.place.description) == ["element 1", "element 2", "element 3"])
        let broken = try records(try file("[{\"a\":\"x\ny\"},{\n\"b\"\n:1}]", "json"), .init())
        #expect(broken.map { $0.flaw != nil } == [true, false])
        #expect(broken.allSatisfy { !$0.json.contains(0x0A) })
        #expect(throws: ImportError.self) { try records(try file("[{}", "json"), .init()) }
        let long = "{\"a\":\"" + String(repeating: "x", count: OrderRequest.Limit.bytes) + "\"}"
        let tooLong = try records(try file("{}\n\(long)\n{}\n", "ndjson"), .init())
        #expect(tooLong.map { $0.flaw != nil } == [false, true, false] && tooLong.map(\.place.number) == [1, 2, 3])
    }

    // MARK: Chunks, journal, rejects

    @Test func chunksDependOnTheFileAlone() throws {
        let count = ImportChunk.recordLimit * 2 + 3
        let path = try file((1...count).map { "{\"n\":\($0)}\n" }.joined(), "ndjson")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let chunks = ImportChunks(try ImportReader(path, .init()))
        var sizes: [Int] = []
        while let chunk = try chunks.next() {
            #expect(chunk.number == sizes.count)
            sizes.append(chunk.records.count)
        }
        #expect(sizes == [ImportChunk.recordLimit, ImportChunk.recordLimit, 3])
        #expect(try chunks.digest == ImportInput.digest(of: path))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try chunks.digest != ImportInput.digest(of: path))
    }

    @Test func aTornJournalGoesOn() throws {
        let path = NSTemporaryDirectory() + "journal-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let header = ImportJournal.Header(key: "k", digest: "d", url: "http://a", tenant: "")
        func entry(_ chunk: Int) -> ImportJournal.Entry {
            .init(chunk: chunk, accepted: 5, refused: 1, batchIDs: ["b\(chunk)"], rejectedBytes: 7, offset: 9)
        }
        do {
            let journal = try ImportJournal(path, header, isNew: false)
            for chunk in 0..<3 { try journal.append(entry(chunk)) }
        }
        #expect(try ImportJournal(path, header, isNew: false).earlier == (0..<3).map(entry))
        #expect(try ImportJournal.header(at: path) == header)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let last = whole.dropLast().lastIndex(of: 0x0A) ?? 0
        for length in (last + 1)..<whole.count {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            let journal = try ImportJournal(path, header, isNew: false)
            #expect(journal.earlier.count == 2)
            try journal.append(entry(2))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole)
        }
        let other = ImportJournal.Header(key: "k", digest: "d", url: "http://b", tenant: "")
        #expect(try ImportJournal(path, other, isNew: false).earlier.isEmpty)
        try Data("a,b\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: ImportError.self) { try ImportJournal(path, header, isNew: false) }
    }

    @Test func rejectsCanBeMendedAndImported() throws {
        let place = ImportRecord.Place(unit: .line, number: 4)
        let refusal = ImportAnswer.Refusal(status: 422, pointer: "/total", reason: "is required")
        let record = ImportRecord(Array(#"{"userId":"a","items":[]}"#.utf8), at: place)
        #expect(
            String(decoding: ImportRejects.line(record, refusal), as: UTF8.self)
                == #"{"userId":"a","items":[],"rejected":{"line":4,"reason":"is required","status":422,"pointer":"/total"}}"#
        )
        let flawed = ImportRecord(flaw: "line 4 has 2 fields", text: Array("a,b".utf8), at: place)
        #expect(
            String(decoding: ImportRejects.line(flawed, refusal), as: UTF8.self)
                == #"{"rejected":{"line":4,"reason":"line 4 has 2 fields","text":"a,b"}}"#)
    }

    // MARK: Answers and progress

    @Test func answersAreReadWholeOrNotAtAll() throws {
        let summary = #"{"batchId":"b","lines":3,"accepted":1,"refused":2}"#
        let lines = [
            #"{"line":1,"orderId":"o","status":201}"#,
            #"{"line":2,"status":422,"title":"Invalid order","errors":[{"pointer":"/total","detail":"is required"}]}"#,
            #"{"line":3,"status":409,"title":"Batch closed","detail":"…"}"#,
        ]
        func read(_ lines: [String], _ count: Int = 3) throws -> ImportAnswer {
            try ImportAnswer(Array(lines.joined(separator: "\n").utf8), of: count)
        }
        let answer = try read(lines + [summary])
        #expect(answer.batchID == "b")
        #expect(
            answer.lines == [
                .stored, .refused(.init(status: 422, pointer: "/total", reason: "is required")), .closed,
            ])
        let passing = try read([#"{"line":1,"status":503,"title":"Away","retryAfter":2}"#, summary], 1)
        #expect(passing.lines == [.passing("503 Away", retryAfter: 2)])
        let cut = [
            lines, Array(lines.dropLast()) + [summary], [summary], [], Array(lines.dropFirst()) + [summary],
            lines + [#"{"title":"Too much","status":413}"#], lines + [#"{"batchId":"#],
        ]
        for text in cut { #expect(throws: ImportAnswer.Flaw.self, "\(text)") { try read(text) } }
        #expect(throws: ImportAnswer.Flaw.otherContent(line: 1)) {
            try read([#"{"line":1,"status":422,"title":"Idempotency-Key reused"}"#, summary], 1)
        }
    }

    @Test func progressIsTold() {
        var progress = ImportProgress(bytes: 250, size: 1_000, accepted: 24_997, refused: 3)
        #expect(
            progress.text(elapsed: .seconds(5))
                == "[######------------------] 25%  25000 orders, 3 refused, 5000/s, 15s left")
        progress.resumedOrders = 20_000
        progress.resumedBytes = 200
        #expect(
            progress.text(elapsed: .seconds(5))
                == "[######------------------] 25%  25000 orders, 3 refused, 1000/s, 1m 15s left")
        progress.bytes = 1_000
        #expect(
            progress.text(elapsed: .seconds(5)) == "[########################] 100%  25000 orders, 3 refused, 1000/s")
        progress.size = nil
        #expect(progress.text(elapsed: .zero) == "25000 orders, 3 refused, 0/s")
        #expect(ImportProgress.time(7_384) == "2h 3m" && ImportProgress.time(59) == "59s")
    }
}
