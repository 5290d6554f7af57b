import Foundation
import TestServers

/// The gateway of `config/gateway` in front of processes on this machine: its files as they are, but for the three of
/// `site` that say where.
public final class Gateway: Sendable {
    /// TLS, with a certificate of its own for `localhost`.
    public let port: Int
    /// The same without TLS, for clients that can't be told of the certificate.
    public let plainPort: Int
    private let nginx: Nginx

    /// - Parameters:
    ///   - apis: ports that take commands.
    ///   - queries: ports that answer reads.
    ///   - legacy: the port of the older system that has all other paths; nil for none.
    public init(apis: [Int], queries: [Int], legacy: Int? = nil) throws {
        let port = try LocalPort.unused()
        let plainPort = try LocalPort.unused()
        (self.port, self.plainPort) = (port, plainPort)
        nginx = try Nginx(port: port) { directory in
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../config/gateway").standardizedFileURL.path
            for name in ["nginx.conf", "legacy.conf", "legacy.js"] {
                try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(directory)/\(name)")
            }
            try FileManager.default.createDirectory(
                atPath: directory + "/site", withIntermediateDirectories: false)
            let files = [
                ("process", Self.process(directory)),
                ("http", Self.http(directory, apis: apis, queries: queries, legacy: legacy)),
                ("server", Self.server(directory, port: port, plainPort: plainPort, hasLegacy: legacy != nil)),
            ]
            for (name, text) in files {
                try text.write(toFile: "\(directory)/site/\(name).conf", atomically: false, encoding: .utf8)
            }
            _ = try Shop.run(
                [
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                    directory + "/key.pem", "-out", directory + "/certificate.pem",
                ], environment: [:])
        }
    }

    public var certificate: String { nginx.directory + "/certificate.pem" }
    public var log: String { nginx.log }

    /// A customer who comes without TLS.
    public var client: ShopClient { ShopClient(port: plainPort) }

    private static func process(_ directory: String) -> String {
        """
        \(getuid() == 0 ? "user nobody nogroup;" : "")
        pid \(directory)/nginx.pid;
        error_log stderr error;
        load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
        """
    }

    /// No limit of the gateway's own is in the way of a test.
    private static func http(_ directory: String, apis: [Int], queries: [Int], legacy: Int?) -> String {
        func upstream(_ name: String, _ ports: [Int]) -> String {
            let servers = ports.map { "    server 127.0.0.1:\($0) max_fails=1 fail_timeout=2s;\n" }.joined()
            return "upstream \(name) {\n\(servers)    keepalive 64;\n    keepalive_timeout 20s;\n}\n"
        }
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
            "\($0)_temp_path \(directory)/\($0);\n"
        }
        return folders.joined() + upstream("orderflow_api", apis) + upstream("orderflow_query", queries)
            // Nobody is there: no test asks for webhooks by the gateway.
            + upstream("orderflow_webhooks", [9])
            + (legacy.map { upstream("legacy", [$0]) } ?? "") + """
                limit_req_zone $binary_remote_addr zone=requests_by_address:1m rate=100000r/s;
                limit_conn_zone $binary_remote_addr zone=connections_by_address:1m;
                map "" $outside_tenant { default ""; }
                map "" $outside_actor { default ""; }

                """
    }

    private static func server(_ directory: String, port: Int, plainPort: Int, hasLegacy: Bool) -> String {
        """
        listen 127.0.0.1:\(port) ssl http2;
        listen 127.0.0.1:\(plainPort);
        server_name localhost;
        ssl_certificate \(directory)/certificate.pem;
        ssl_certificate_key \(directory)/key.pem;
        access_log \(directory)/access.log gateway;
        include legacy.conf;
        location / { \(hasLegacy ? "proxy_pass http://legacy;" : "return 404;") }
        """
    }
}
