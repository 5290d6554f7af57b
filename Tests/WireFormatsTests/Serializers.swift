import Foundation
import JSON
import Schemas
import TestServers

/// The serializers of PyPI's `confluent-kafka[protobuf,avro]`, which stand on Google's `protobuf` and on `fastavro`, as one
/// process: it reads messages from a file, a line each, and answers each by a line. Their schemas are compiled by Google's
/// compiler, as it comes with `grpcio-tools`.
struct Serializers {
    struct Bytes {
        let protobuf: [UInt8]
        let avro: [UInt8]
    }

    /// Records of all messages, whose names differ.
    static func records(of messages: [(schema: MessageSchema, json: JSONValue)]) async throws -> [Bytes] {
        let lines = messages.map { message in
            let file = ProtoFile(message.schema)
            let line: JSONValue = [
                "name": .string(message.schema.type), "package": .string(file.package), "proto": .string(file.text),
                "avsc": .string(AvroDocument(message.schema).text),
                "value": plain(message.json, .record(message.schema.record)),
            ]
            return line.bytes
        }
        return try await PythonProgram("confluent-kafka", script).answers(to: lines).map { line in
            let answer = try JSONValue(parsing: line)
            return Bytes(protobuf: bytes(answer["protobuf"]), avro: bytes(answer["avro"]))
        }
    }

    private static func bytes(_ base64: JSONValue?) -> [UInt8] {
        base64?.string.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) } ?? []
    }

    /// What one who knows the schema alone would have: amounts and JSON as texts, times as microseconds.
    private static func plain(_ json: JSONValue, _ type: SchemaType) -> JSONValue {
        switch (type, json) {
        case (.amount, .number(let number)): return .string(number.text)
        case (.json, _): return .string(json.description)
        case (.time, .string(let text)): return .number(JSONNumber(RFC3339.microseconds(text) ?? 0))
        case (.list(let element), .array(let values)): return .array(values.map { plain($0, element) })
        case (.record(let record), .object(let object)):
            var members = JSONObject()
            for member in object.members {
                members[member.name] = record[member.name].map { plain(member.value, $0.type) }
            }
            return .object(members)
        default: return json
        }
    }

    private static let script = #"""
        import base64, json, os, sys
        import grpc_tools
        from grpc_tools import protoc
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.avro import AvroSerializer
        from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
        from confluent_kafka.serialization import MessageField, SerializationContext

        lines = [json.loads(line) for line in sys.stdin]
        for line in lines:
            with open(line["name"] + ".proto", "w") as file:
                file.write(line["proto"])
        bundled = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        names = [line["name"] + ".proto" for line in lines]
        if protoc.main(["protoc", "-I.", "-I" + bundled, "--include_imports", "--descriptor_set_out=set"] + names) != 0:
            sys.exit(2)
        files = descriptor_pb2.FileDescriptorSet.FromString(open("set", "rb").read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)

        def fill(message, value):
            fields = {field.json_name: field for field in message.DESCRIPTOR.fields}
            for name, item in value.items():
                put(message, fields[name], item)

        def single(field, item):
            if field.type == field.TYPE_STRING and not isinstance(item, str):
                return json.dumps(item, separators=(",", ":"))
            return item

        def into(message, item):
            message.SetInParent()
            if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
                message.seconds, micros = divmod(item, 1000000)
                message.nanos = micros * 1000
            else:
                fill(message, item)

        def put(message, field, item):
            target = getattr(message, field.name)
            if field.is_repeated:
                for element in item:
                    if field.message_type:
                        into(target.add(), element)
                    else:
                        target.append(single(field, element))
            elif field.message_type:
                into(target, item)
            else:
                setattr(message, field.name, single(field, item))

        registry = SchemaRegistryClient.new_client({"url": "mock://"})
        for line in lines:
            context = SerializationContext(line["name"], MessageField.VALUE)
            kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(line["package"] + "." + line["name"]))
            message = kind()
            fill(message, line["value"])
            protobuf = ProtobufSerializer(kind, registry)(message, context)
            context = SerializationContext(line["name"] + "-avro", MessageField.VALUE)
            avro = AvroSerializer(registry, line["avsc"])(line["value"], context)
            print(json.dumps({name: base64.b64encode(value).decode()
                for name, value in [("protobuf", protobuf), ("avro", avro)]}))
        """#
}
