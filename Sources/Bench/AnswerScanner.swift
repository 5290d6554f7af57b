/// Finds the end of an HTTP/1.1 answer with a Content-Length, which is what our server sends; a load generator must
/// not spend more on an answer than the server does.
enum AnswerScanner {
    enum Outcome: Equatable {
        case incomplete
        case complete(status: Int, length: Int)
        /// No HTTP/1.1 answer, or one whose length isn't said.
        case strange
    }

    /// Looks at what was received of one answer, from its first byte on.
    static func scan(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard let headEnd = endOfHead(bytes) else { return .incomplete }
        // "HTTP/1.1 201 "
        guard headEnd >= 13, bytes[8] == 0x20, let status = number(bytes, 9..<12) else { return .strange }
        if status == 204 || status == 304 { return .complete(status: status, length: headEnd) }
        guard let content = contentLength(UnsafeRawBufferPointer(rebasing: bytes[..<headEnd])) else { return .strange }
        let length = headEnd + content
        return length <= bytes.count ? .complete(status: status, length: length) : .incomplete
    }

    /// The offset behind the empty line.
    private static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 3
        while index < bytes.count {
            // From the byte that would be the last one of "\r\n\r\n", so that most bytes are never looked at.
            switch bytes[index] {
            case 0x0A where bytes[index - 1] == 0x0D && bytes[index - 2] == 0x0A && bytes[index - 3] == 0x0D:
                return index + 1
            case 0x0A, 0x0D: index += 1
            default: index += 4
            }
        }
        return nil
    }

    private static let name = Array("content-length:".utf8)

    private static func contentLength(_ head: UnsafeRawBufferPointer) -> Int? {
        var line = 0
        while line + name.count < head.count {
            var matched = 0
            while matched < name.count, head[line + matched] | 0x20 == name[matched] | 0x20 { matched += 1 }
            var end = line + matched
            while end < head.count, head[end] != 0x0D { end += 1 }
            if matched == name.count {
                var start = line + matched
                while start < end, head[start] == 0x20 { start += 1 }
                return number(head, start..<end)
            }
            line = end + 2
        }
        return nil
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count < 10 else { return nil }
        var value = 0
        for index in range {
            guard case 0x30...0x39 = bytes[index] else { return nil }
            value = value * 10 + Int(bytes[index] - 0x30)
        }
        return value
    }
}
