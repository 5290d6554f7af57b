package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/confluentinc/confluent-kafka-go/kafka"
)

// topic is one of the peer's own, made beforehand.
const topic = "peer-orders"

// openProducer publishes each order and waits until all in-sync replicas have it. Idempotent, and with librdkafka's own
// linger, as the documentation of the client shows it.
func openProducer() (store, error) {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": os.Getenv("BROKERS"), "acks": "all", "enable.idempotence": true,
	})
	if err != nil {
		return nil, err
	}
	go func() {
		for event := range producer.Events() {
			if problem, ok := event.(kafka.Error); ok {
				log.Print(problem)
			}
		}
	}()
	name := topic
	return func(ctx context.Context, o *order) error {
		event, err := json.Marshal(envelope{"OrderCreated", 1, *o})
		if err != nil {
			return err
		}
		delivered := make(chan kafka.Event, 1)
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &name, Partition: kafka.PartitionAny},
			Key:            []byte(o.OrderID), Value: event,
		}
		if err := producer.Produce(message, delivered); err != nil {
			return err
		}
		select {
		case report := <-delivered:
			return report.(*kafka.Message).TopicPartition.Error
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}
