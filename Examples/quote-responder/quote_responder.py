#!/usr/bin/env python3
"""Answers requests over Kafka: here what POST /quotes asks, from a list of stock, in place of the inventory role.

    pip install confluent-kafka
    ./quote_responder.py --brokers localhost:9092 --stock ABC=5 --stock XYZ=0
    curl -X POST localhost:3000/quotes -H 'Content-Type: application/json' -d '{"items":[{"sku":"ABC","qty":2}]}'

A request is a record with the headers orderflow_reply_to, the topic that its asker reads, and orderflow_deadline, after
which nobody waits. Its answer goes to that topic with ce_causationid, the request's ce_id, and ce_tenant, the request's own.
Any other kind of request is answered the same way: by its type, on its topic. With one group, --group, several of these (or
these and the inventory role, whose group is inventory-quote-requests-group) share the requests. Where kafka.signing is on,
kafka.sources says /quote-responder=Quote/RequestRefused, and answers are signed as Examples/fraud-check signs facts.
"""
import argparse
import datetime
import json
import signal
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

SOURCE = "/quote-responder"
REPLIES = "replies."


def quote(items, stock):
    """The lines of a request, with what there is of each; an article that isn't in the list isn't counted."""
    wanted = {}
    for item in items:
        wanted[item["sku"]] = wanted.get(item["sku"], 0) + item["qty"]
    lines = []
    for item in items:
        line = {"sku": item["sku"], "qty": item["qty"], "available": True}
        if item["sku"] in stock:
            line |= {"stock": stock[item["sku"]], "available": stock[item["sku"]] >= wanted[item["sku"]]}
        lines.append(line)
    return {"items": lines}


def answer(record, headers, stock):
    """The type and payload of a request's answer; None for what is no request of ours."""
    try:
        envelope = json.loads(record.value())
        if envelope["type"] != "QuoteRequest":
            return None
        return "Quote", quote(envelope["payload"]["items"], stock)
    except (ValueError, TypeError, KeyError) as flaw:
        return "RequestRefused", {"reason": f"the request can't be read: {flaw!r}", "isPassing": False}


def reply(producer, record, stock):
    headers = {name: value.decode() for name, value in record.headers() or [] if value is not None}
    topic = headers.get("orderflow_reply_to", "")
    if not topic.startswith(REPLIES) or "ce_id" not in headers:
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    if datetime.datetime.fromisoformat(headers["orderflow_deadline"].replace("Z", "+00:00")) <= now:
        return
    answered = answer(record, headers, stock)
    if answered is None:
        return
    kind, payload = answered
    producer.produce(
        topic, key=headers["ce_id"], value=json.dumps({"type": kind, "version": 1, "payload": payload}),
        headers={
            "ce_specversion": "1.0", "ce_type": kind, "ce_source": SOURCE, "ce_subject": headers["ce_id"],
            "ce_id": str(uuid.uuid4()), "ce_time": now.isoformat().replace("+00:00", "Z"),
            "ce_causationid": headers["ce_id"], "ce_tenant": headers.get("ce_tenant", "default"),
            "ce_correlationid": headers.get("ce_correlationid", headers["ce_id"]), "content-type": "application/json",
        })


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--brokers", default="localhost:9092")
    arguments.add_argument("--topic", default="quote-requests")
    arguments.add_argument("--group", default="quote-responder", help="those of one group share the requests")
    arguments.add_argument("--stock", action="append", default=[], metavar="SKU=COUNT")
    options = arguments.parse_args()
    stock = {sku: int(count) for sku, count in (entry.rsplit("=", 1) for entry in options.stock)}
    consumer = Consumer({
        "bootstrap.servers": options.brokers, "group.id": options.group, "auto.offset.reset": "earliest"})
    # An answer that isn't taken in time is no use to anybody.
    producer = Producer({"bootstrap.servers": options.brokers, "acks": 1, "message.timeout.ms": 5000, "linger.ms": 1})
    consumer.subscribe([options.topic])
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while running:
        for record in consumer.consume(500, timeout=0.1):
            if record.error():
                if record.error().code() in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                    continue
                raise KafkaException(record.error())
            try:
                reply(producer, record, stock)
            except (ValueError, KeyError):
                continue  # a deadline that is none: nobody can say how long its asker waits
        producer.poll(0)
    consumer.close()
    producer.flush(5)


if __name__ == "__main__":
    main()
