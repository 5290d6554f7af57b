#!/usr/bin/env python3
"""Takes part in the fulfilment of every order over Kafka alone: clears an order, or says why it must not go on.

    pip install confluent-kafka
    orderflow up --set saga.participants=fraud=FraudCleared/FraudSuspected
    ./fraud_check.py --brokers localhost:9092 --limit 1000

The saga confirms no order before FraudCleared; at FraudSuspected, or without a word for saga.participant_deadline, it undoes
the order. Where kafka.signing is on, kafka.sources says /fraud-check=FraudCleared/FraudSuspected, and --signing-keys names
the file that `orderflow signing keys` has made for it. Each order is answered at least once, with an id made of the order's, so that readers drop the copies.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import json
import signal
import struct
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

SOURCE = "/fraud-check"


SIGNED = (
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type", "ce_schemaversion",
    "ce_correlationid", "ce_causationid", "ce_tenant", "ce_streamversion")


def signature(lines, topic, key, value, headers):
    """The header ce_signature, by the first key of a file of keys."""
    first = next(line for line in lines if line.strip() and not line.startswith("#"))
    name, secret = first.split()
    text = b"orderflow-signature-1\n"
    for part in (topic, key, value, *(headers.get(name) for name in SIGNED)):
        part = part.encode() if isinstance(part, str) else part
        text += b"\xff\xff\xff\xff" if part is None else struct.pack(">I", len(part)) + part
    code = hmac.new(base64.b64decode(secret), text, hashlib.sha256).digest()
    return f"{name}:{base64.b64encode(code).decode()}"


def verdict(order, limit):
    """The fact that an order leads to: its type, and the members of its payload beside the order's id."""
    if float(order["total"]) > limit:
        return "FraudSuspected", {"reason": f"a total above {limit}"}
    return "FraudCleared", {}


def publish(producer, topic, record, envelope, limit, keys):
    order = envelope["payload"]
    kind, members = verdict(order, limit)
    headers = {name: value for name, value in record.headers() or [] if name in ("ce_tenant", "ce_correlationid")}
    time = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    value = json.dumps({"type": kind, "version": 1, "payload": {"orderId": order["orderId"], "at": time, **members}})
    headers |= {
        "ce_specversion": "1.0", "ce_type": kind, "ce_source": SOURCE, "ce_time": time,
        "ce_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{order['orderId']}")), "ce_subject": order["orderId"],
    }
    if keys:
        headers["ce_signature"] = signature(keys, topic, record.key(), value, headers)
    producer.produce(topic, key=record.key(), value=value, headers=headers)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--brokers", default="localhost:9092")
    arguments.add_argument("--topic", default="order-events")
    arguments.add_argument("--instance", default="fraud-check-1", help="a name that no other process of the group has")
    arguments.add_argument("--limit", type=float, default=1_000, help="the largest total that is cleared")
    arguments.add_argument("--signing-keys", help="the file of keys that answers are signed by")
    options = arguments.parse_args()
    keys = open(options.signing_keys, encoding="utf-8").read().splitlines() if options.signing_keys else None
    consumer = Consumer({
        "bootstrap.servers": options.brokers, "group.id": "fraud-check", "auto.offset.reset": "earliest",
        # A static member (KIP-345): killed and started again, it goes on with its partitions at once.
        "group.instance.id": options.instance, "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": options.brokers, "enable.idempotence": True})
    # Express orders have a topic of their own beside it, their lane; what answers one goes the same way.
    consumer.subscribe([options.topic, options.topic + "-express"])
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while running:
        records = consumer.consume(500, timeout=0.2)
        for record in records:
            if record.error():
                if record.error().code() in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                    continue
                raise KafkaException(record.error())
            envelope = json.loads(record.value()) if record.value() else {}
            if isinstance(envelope, dict) and envelope.get("type") == "OrderCreated":
                publish(producer, record.topic(), record, envelope, options.limit, keys)
        if records:
            # Answers first, then the place: a crash in between answers again.
            if producer.flush(30):
                raise SystemExit("the brokers didn't take all answers")
            consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
