import CLibcurl

/// libcurl's process-wide state, set up once before the first handle.
enum Curl {
    static let ready: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    static func message(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }
}

/// Bytes that libcurl reads while it sends.
final class UploadBuffer {
    private let bytes: [UInt8]
    private var position = 0
    var isDone: Bool { position == bytes.count }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into target: UnsafeMutablePointer<CChar>, _ limit: Int) -> Int {
        let count = min(limit, bytes.count - position)
        bytes.withUnsafeBytes { source in
            if count > 0, let base = source.baseAddress {
                target.withMemoryRebound(to: UInt8.self, capacity: count) {
                    $0.update(from: base.assumingMemoryBound(to: UInt8.self) + position, count: count)
                }
            }
        }
        position += count
        return count
    }
}
