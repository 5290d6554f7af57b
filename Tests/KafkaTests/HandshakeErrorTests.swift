import CLibrdkafka
import Testing

@testable import Kafka

/// How a TLS handshake ends with a listener that doesn't speak TLS depends on how far it had got, and so do OpenSSL's
/// and librdkafka's words for it.
struct HandshakeErrorTests {
    @Test(arguments: [
        "error:0A000126:SSL routines::unexpected eof while reading (after 1ms in state SSL_HANDSHAKE)",
        "Disconnected: connecting to a PLAINTEXT broker listener? (after 4ms in state SSL_HANDSHAKE)",
        "Connection reset by peer (after 0ms in state SSL_HANDSHAKE, 3 identical error(s) suppressed)",
    ])
    func anyEndOfAHandshakeNamesTheSettings(_ words: String) {
        let silence = KafkaError(RD_KAFKA_RESP_ERR__TRANSPORT, "describe topics")
        let obstacle = KafkaError(RD_KAFKA_RESP_ERR__TRANSPORT, "ssl://127.0.0.1:9092/bootstrap: \(words)")
        #expect(silence.explained(by: obstacle).message.contains("security.protocol"))
        // A connection that merely ends says less.
        let end = KafkaError(RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected (after 9ms in state UP)")
        #expect(!end.tellsMore(than: obstacle))
    }
}
