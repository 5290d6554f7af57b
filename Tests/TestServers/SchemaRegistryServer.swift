import Foundation

/// A schema registry as far as Confluent's REST API goes that clients speak (`/subjects`, `/schemas/ids`,
/// `/compatibility`). It keeps what it knows over restarts, and says in its log what it was asked. As Confluent's does, it
/// takes schemas of Protocol Buffers as text or as a serialized descriptor, and gives either.
public final class SchemaRegistryServer: Sendable {
    public let port: Int
    private let process: ServerProcess
    private let isTLS: Bool

    public var url: String { "\(isTLS ? "https" : "http")://127.0.0.1:\(port)" }

    /// - Parameters:
    ///   - credentials: `user:password` that each request has to have; nil for none.
    ///   - refusing: a subject that it finds incompatible whatever comes.
    ///   - certificates: that it speaks TLS with; nil for none.
    public init(
        credentials: String? = nil, refusing subject: String? = nil, certificates: TestCertificates? = nil
    ) throws {
        let port = try LocalPort.unused()
        self.port = port
        isTLS = certificates != nil
        process = try ServerProcess(
            "registry",
            environment: [
                "REGISTRY_CREDENTIALS": credentials ?? "", "REGISTRY_REFUSES": subject ?? "",
                "REGISTRY_CERTIFICATE": certificates?.certificate ?? "", "REGISTRY_KEY": certificates?.key ?? "",
            ]
        ) { directory in
            [PythonProgram.interpreter, "-u", "-c", Self.script, "\(port)", directory + "/schemas.json"]
        }
        try start()
    }

    public func start() throws {
        try process.start()
        try process.waitUntilReady { LocalPort.isTaken(port) }
    }

    /// Gone, until `start`.
    public func kill() throws { try process.kill() }

    public func stop() { process.stop() }

    /// What it was asked, as `POST /subjects/…` a line.
    public var requests: [String] { process.log.split(separator: "\n").map(String.init).filter { $0.contains(" /") } }

    private static let script = #"""
        import base64, json, os, re, ssl, sys, threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from urllib.parse import unquote, urlsplit

        port, path = int(sys.argv[1]), sys.argv[2]
        lock = threading.Lock()
        try:
            state = json.load(open(path))
        except FileNotFoundError:
            state = {"schemas": [], "subjects": {}}
        # schemas: [type, text] by id - 1; subjects: ids by version - 1.

        TYPES = {1: "double", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes"}

        def declared(message, indent):
            lines = [indent + "message " + message.name + " {"]
            lines += [line for inner in message.nested_type for line in declared(inner, indent + "  ")]
            for field in message.field:
                label = "optional " if field.proto3_optional else "repeated " if field.label == 3 else ""
                kind = TYPES.get(field.type) or field.type_name
                lines.append("%s  %s%s %s = %d;" % (indent, label, kind, field.name, field.number))
            return lines + [indent + "}"]

        # The text of a serialized descriptor, and a text's descriptor.
        def text(schema):
            from google.protobuf import descriptor_pb2
            file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(schema, validate=True))
            lines = ['syntax = "proto3";', "package %s;" % file.package] + ['import "%s";' % name for name in file.dependency]
            return "\n".join(lines + [line for message in file.message_type for line in declared(message, "")]) + "\n"

        def serialized(schema):
            import grpc_tools, tempfile
            from grpc_tools import protoc
            from google.protobuf import descriptor_pb2
            with tempfile.TemporaryDirectory() as folder:
                with open(folder + "/schema.proto", "w") as file:
                    file.write(schema)
                protoc.main(["protoc", "-I" + folder, "-I" + os.path.dirname(grpc_tools.__file__) + "/_proto",
                    "--descriptor_set_out=" + folder + "/set", "schema.proto"])
                files = descriptor_pb2.FileDescriptorSet.FromString(open(folder + "/set", "rb").read())
            return base64.b64encode(files.file[0].SerializeToString()).decode()

        MISSING = {40401: "Subject not found.", 40402: "Version not found.", 40403: "Schema not found"}


        class Registry(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def answer(self, status, value):
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def missing(self, code):
                self.answer(404, {"error_code": code, "message": MISSING[code]})

            def begin(self):
                print(self.command, self.path)
                wanted = os.environ["REGISTRY_CREDENTIALS"]
                given = self.headers.get("Authorization", "")
                if wanted and given != "Basic " + base64.b64encode(wanted.encode()).decode():
                    self.answer(401, {"error_code": 401, "message": "Unauthorized"})
                    return None
                return [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]

            def do_GET(self):
                parts = self.begin()
                if parts is None:
                    return
                if len(parts) == 3 and parts[:2] == ["schemas", "ids"]:
                    number = int(parts[2])
                    with lock:
                        known = state["schemas"][number - 1] if 0 < number <= len(state["schemas"]) else None
                    if known is None:
                        return self.missing(40403)
                    isSerialized = known[0] == "PROTOBUF" and "format=serialized" in self.path
                    found = {"schema": serialized(known[1]) if isSerialized else known[1]}
                    if known[0] != "AVRO":
                        found["schemaType"] = known[0]
                    return self.answer(200, found)
                self.answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = self.begin()
                if parts is None:
                    return
                try:
                    request = json.loads(body)
                    schema = [request.get("schemaType", "AVRO"), request["schema"]]
                    if schema[0] == "PROTOBUF" and " " not in schema[1]:
                        schema[1] = text(schema[1])
                except (ValueError, KeyError):
                    return self.answer(422, {"error_code": 42201, "message": "Invalid schema"})
                with lock:
                    if len(parts) == 2 and parts[0] == "subjects":
                        self.look_up(parts[1], schema)
                    elif len(parts) == 3 and parts[0] == "subjects" and parts[2] == "versions":
                        self.register(parts[1], schema)
                    elif parts[:2] == ["compatibility", "subjects"]:
                        self.judge(parts[2])
                    else:
                        self.answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"})

            def look_up(self, subject, schema):
                if subject not in state["subjects"]:
                    return self.missing(40401)
                versions = state["subjects"][subject]
                for version, number in enumerate(versions, 1):
                    if state["schemas"][number - 1] == schema:
                        return self.answer(200, {"subject": subject, "id": number, "version": version, "schema": schema[1]})
                self.missing(40403)

            def register(self, subject, schema):
                if subject == os.environ["REGISTRY_REFUSES"]:
                    return self.answer(409, {"error_code": 409, "message": "Schema being registered is incompatible"})
                if schema not in state["schemas"]:
                    state["schemas"].append(schema)
                number = state["schemas"].index(schema) + 1
                versions = state["subjects"].setdefault(subject, [])
                if number not in versions:
                    versions.append(number)
                with open(path + ".new", "w") as file:
                    json.dump(state, file)
                os.replace(path + ".new", path)
                self.answer(200, {"id": number})

            def judge(self, subject):
                if subject not in state["subjects"]:
                    return self.missing(40401)
                refused = subject == os.environ["REGISTRY_REFUSES"]
                self.answer(200, {"is_compatible": not refused, "messages": ["NAME_MISMATCH"] if refused else []})


        server = ThreadingHTTPServer(("127.0.0.1", port), Registry)
        server.daemon_threads = True
        if os.environ["REGISTRY_CERTIFICATE"]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.environ["REGISTRY_CERTIFICATE"], os.environ["REGISTRY_KEY"])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
        """#
}
