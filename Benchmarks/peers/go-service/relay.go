package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
	"github.com/jackc/pgx/v4"
)

// relay publishes the outbox in its order and deletes what the broker has acknowledged, until the process ends. To the
// peers' own topic: orderflow, which is measured on the same broker, reads order-events.
func relay(ctx context.Context) error {
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	// A deletion that a crash takes back is a page published again.
	if _, err := db.Exec(ctx, `SET synchronous_commit = off`); err != nil {
		return err
	}
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": os.Getenv("BROKERS"), "acks": "all", "enable.idempotence": true, "linger.ms": 1,
	})
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for event := range producer.Events() {
			if problem, ok := event.(kafka.Error); ok {
				log.Print(problem)
			}
		}
	}()
	for {
		n, err := relayPage(ctx, db, producer)
		if err != nil {
			return err
		}
		if n == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func relayPage(ctx context.Context, db *pgx.Conn, producer *kafka.Producer) (int, error) {
	const page = 1000
	name, reports := topic, make(chan kafka.Event, page)
	rows, err := db.Query(ctx, `SELECT id, key, payload::text FROM outbox ORDER BY id LIMIT $1`, page)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		var key string
		var value []byte
		if err := rows.Scan(&id, &key, &value); err != nil {
			return 0, err
		}
		err := producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &name, Partition: kafka.PartitionAny},
			Key:            []byte(key), Value: value,
		}, reports)
		if err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil || len(ids) == 0 {
		return 0, err
	}
	for range ids {
		if err := (<-reports).(*kafka.Message).TopicPartition.Error; err != nil {
			return 0, err
		}
	}
	_, err = db.Exec(ctx, `DELETE FROM outbox WHERE id = ANY($1)`, ids)
	return len(ids), err
}
