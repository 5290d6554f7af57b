import Foundation

/// TLS in front of a broker that speaks none. Answers that name the broker name the proxy instead, so that clients stay with
/// it; a client that doesn't speak TLS, or doesn't trust the certificate, gets nowhere.
public final class TLSProxy: Sendable {
    public let port: Int
    private let process: ServerProcess

    /// `127.0.0.1:port`, which the certificate names.
    public var bootstrapServers: String { "127.0.0.1:\(port)" }

    public init(to broker: KafkaBroker, _ certificates: TestCertificates) throws {
        let port = try LocalPort.unused()
        self.port = port
        process = try ServerProcess("tls-proxy") { _ in
            [
                "/usr/bin/env", "python3", "-c", Self.script, "\(port)", "\(broker.port)", certificates.certificate,
                certificates.key,
            ]
        }
        try process.start()
        try process.waitUntilReady { LocalPort.isTaken(port) }
    }

    public func stop() { process.stop() }

    private static let script = """
        import socket, ssl, struct, sys, threading

        port, target, certificate, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)


        def address(port):
            # Host and port as Metadata and FindCoordinator have them: the text's end, and 32 bits.
            return b"127.0.0.1" + struct.pack(">i", port)


        def end(*lines):
            for line in lines:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


        def up(client, server):
            try:
                while data := client.recv(65536):
                    server.sendall(data)
            except OSError:
                pass
            end(client, server)


        def exactly(line, count):
            data = b""
            while len(data) < count:
                more = line.recv(count - len(data))
                if not more:
                    raise OSError("closed")
                data += more
            return data


        def down(server, client):
            try:
                while True:
                    frame = exactly(server, struct.unpack(">i", exactly(server, 4))[0])
                    # Both have the same length.
                    frame = frame.replace(address(target), address(port)) if len(frame) < 100_000 else frame
                    client.sendall(struct.pack(">i", len(frame)) + frame)
            except OSError:
                pass
            end(client, server)


        def serve(plain):
            try:
                client = context.wrap_socket(plain, server_side=True)
                server = socket.create_connection(("127.0.0.1", target))
            except OSError:
                return plain.close()
            for line in (client, server):
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=up, args=(client, server), daemon=True).start()
            down(server, client)


        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """
}
