import Execution
import Foundation
import JSON
import Kafka
import TestServers
import TestShop
import Testing

/// A topic in several formats between us and a program that isn't ours, which has the serializers of Confluent's client and
/// the same schema registry.
@Suite(.serialized, .blocking, .servers) struct RegistryTests {
    @Test func eachReadsWhatTheOtherWrites() async throws {
        let registry = try SchemaRegistryServer()
        defer { registry.stop() }
        let shop = try Shop(settings: ["ORDERFLOW_SCHEMAS_REGISTRY_URL": registry.url])
        let folder = NSTemporaryDirectory() + "/partner-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try shop.run("schemas", "export", "--to", folder)
        let projection = try shop.daemon("projection")
        try projection.start()

        // The format changes while the topic fills.
        var ids: [String: String] = [:]
        for (format, type) in [
            ("json", "application/json"), ("protobuf", "application/protobuf"), ("avro", "avro/binary"),
        ] {
            let api = try shop.daemon("api", settings: ["ORDERFLOW_TOPICS_FORMAT": format])
            try api.start()
            defer { api.stop() }
            try await api.waitUntilReady()
            try await eventually("schemas have their ids") {
                try await api.client.get("/metrics").text.contains("\norderflow_schemas_without_id 0")
            }
            let id = try await api.client.order()
            ids[id] = type
            try eventually("\(format) is on the topic") {
                try shop.headers(of: "order-events").contains { $0.key == id && $0.headers["content-type"] == type }
            }
            try api.terminate()
        }

        // What it says of ours.
        let said = try partner("read", shop, registry, folder).split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        #expect(Set(said.compactMap { $0["id"]?.string }) == Set(ids.keys))
        for order in said {
            let type = try #require(ids[order["id"]?.string ?? ""])
            #expect(order["format"]?.string == type)
            #expect(order["total"]?.string == said[0]["total"]?.string && order["sku"] == said[0]["sku"], "\(said)")
            #expect(type == "application/json" || (order["at"]?.int64 ?? 0) > 1_700_000_000_000_000)
        }

        // What we say of its.
        let late = try partner("write", shop, registry, folder)
        let api = try shop.daemon("api")
        defer { api.stop() }
        try api.start()
        try await api.waitUntilReady()
        for id in ["partner-protobuf", "partner-avro"] + ids.keys {
            try await eventually("\(id) is in the read model") { try await api.client.view(id) != nil }
        }
        let view = try #require(try await api.client.view("partner-avro"))
        #expect(view["total"] as? Double == 12.5 && view["userId"] as? String == "paula")
        #expect(view["createdAt"] as? String == "2026-01-31T12:00:00.000000Z")
        #expect(try shop.query("SELECT count(*) FROM dead_letters", in: "views") == [["0"]])

        // Without the registry, by a process that has never spoken to it: what is known is known.
        try registry.kill()
        try projection.kill()
        try projection.start()
        let value = try #require(Data(base64Encoded: late.trimmingCharacters(in: .whitespacesAndNewlines)))
        try shop.publish(
            OutgoingMessage(
                topic: "order-events", key: Array("partner-late".utf8), value: [UInt8](value),
                headers: [KafkaHeader("ce_type", Array("OrderCreated".utf8))]))
        try await eventually("the late one is in the read model") { try await api.client.view("partner-late") != nil }
        // What nobody has told of waits for it.
        let unknown = [0, 0, 0, 0x0f, 0xff] + value.dropFirst(5)
        try shop.publish(
            OutgoingMessage(
                topic: "order-events", key: Array("partner-unknown".utf8), value: [UInt8](unknown),
                headers: [KafkaHeader("ce_type", Array("OrderCreated".utf8))]))
        try await eventually("it waits, and says why") {
            let answer = try await projection.client.get("/readyz", orNil: true)
            return answer?.status == 503 && answer?.text.contains("schema 4095") == true
        }
        #expect(try shop.query("SELECT count(*) FROM dead_letters", in: "views") == [["0"]])
        try registry.start()
        try await eventually(within: .seconds(60), "nobody has it, and so it is dead") {
            try shop.query("SELECT DISTINCT key FROM dead_letters", in: "views") == [["partner-unknown"]]
        }
    }

    private func partner(
        _ act: String, _ shop: Shop, _ registry: SchemaRegistryServer, _ schemas: String
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: PythonProgram.interpreter)
        process.arguments = [
            "-c", Self.script, act, shop.broker.bootstrapServers, registry.url, "order-events",
            schemas + "/OrderCreated.proto",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0, "the partner's program; are its packages there (scripts/bootstrap)?")
        return text
    }

    private static let script = #"""
        import base64, json, os, sys, tempfile
        import grpc_tools
        from grpc_tools import protoc
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
        from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
        from confluent_kafka.serialization import MessageField, SerializationContext

        act, brokers, url, topic, schemas = sys.argv[1:6]
        registry = SchemaRegistryClient({"url": url})
        context = SerializationContext(topic, MessageField.VALUE)

        def kind(path, name):
            with tempfile.TemporaryDirectory() as folder:
                protoc.main(["protoc", "-I" + os.path.dirname(path), "-I" + os.path.dirname(grpc_tools.__file__) + "/_proto",
                    "--include_imports", "--descriptor_set_out=" + folder + "/set", os.path.basename(path)])
                files = descriptor_pb2.FileDescriptorSet.FromString(open(folder + "/set", "rb").read())
            pool = descriptor_pool.DescriptorPool()
            for file in files.file:
                pool.Add(file)
            return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

        OrderCreated = kind(schemas, "orderflow.v1.OrderCreated")

        def read():
            consumer = Consumer({"bootstrap.servers": brokers, "group.id": "partner", "enable.partition.eof": True})
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            protobuf = ProtobufDeserializer(OrderCreated, {}, registry)
            avro = AvroDeserializer(registry)
            left = len(partitions)
            while left:
                message = consumer.poll(10)
                if message is None:
                    sys.exit("nothing comes")
                if message.error():
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        sys.exit(str(message.error()))
                    left -= 1
                    continue
                headers = dict(message.headers() or [])
                if headers.get("ce_type") != b"OrderCreated":
                    continue
                format = headers.get("content-type", b"").decode()
                if format == "application/protobuf":
                    order = protobuf(message.value(), context)
                    said = {"id": order.order_id, "user": order.user_id, "total": order.total, "sku": order.items[0].sku,
                        "at": order.created_at.seconds * 1000000 + order.created_at.nanos // 1000}
                elif format == "avro/binary":
                    order = avro(message.value(), context)
                    said = {"id": order["orderId"], "user": order["userId"], "total": order["total"],
                        "sku": order["items"][0]["sku"], "at": int(order["createdAt"].timestamp() * 1000000)}
                else:
                    order = json.loads(message.value(), parse_float=str)["payload"]
                    said = {"id": order["orderId"], "user": order["userId"], "total": order["total"],
                        "sku": order["items"][0]["sku"], "at": 0}
                print(json.dumps(dict(said, format=format)))

        # Another team's schema: other names, another order, more than we know.
        PARTNER = json.dumps({"type": "record", "name": "OrderCreated", "namespace": "partner.shop", "fields": [
            {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["WEB", "SHOP"]}},
            {"name": "total", "type": "string"}, {"name": "currency", "type": "string"}, {"name": "userId", "type": "string"},
            {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
                {"name": "qty", "type": "int"}, {"name": "sku", "type": "string"}]}}},
            {"name": "orderId", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": None},
            {"name": "createdAt", "type": {"type": "long", "logicalType": "timestamp-millis"}}]})

        def write():
            producer = Producer({"bootstrap.servers": brokers})
            order = OrderCreated(order_id="partner-protobuf", user_id="paula", total="12.50", currency="EUR")
            order.items.add(sku="ABC", qty=1)
            order.created_at.FromJsonString("2026-01-31T12:00:00.000001Z")
            values = {"partner-protobuf": ProtobufSerializer(OrderCreated, registry)(order, context)}
            serializer = AvroSerializer(registry, PARTNER, conf={"subject.name.strategy": lambda context, name: name})
            for name in ["partner-avro", "partner-late"]:
                values[name] = serializer({"channel": "SHOP", "total": "12.50", "currency": "EUR", "userId": "paula",
                    "items": [{"sku": "ABC", "qty": 1}], "orderId": name, "note": "x", "createdAt": 1769860800000}, context)
            # The last one is for later.
            print(base64.b64encode(values.pop("partner-late")).decode())
            for name, value in values.items():
                producer.produce(topic, key=name, value=value, headers={"ce_type": b"OrderCreated"})
            if producer.flush(20):
                sys.exit("not sent")

        {"read": read, "write": write}[act]()
        """#
}
