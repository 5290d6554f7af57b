package main

import (
	"context"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
	"github.com/jackc/pgx/v4"
)

const (
	relayPage  = 1000
	readOutbox = `SELECT position, id::text, topic, key, type, value FROM outbox ORDER BY position LIMIT 1000`
	trimOutbox = `DELETE FROM outbox WHERE position = ANY($1)`
)

// relay publishes a service's outbox in its order and deletes what the broker has acknowledged, in the round trip that
// reads the next page. Between the two a crash publishes again, with the same ids; the readers' inboxes see through it.
func relay(ctx context.Context, s settings, service string) error {
	work := context.Background() // a page in hand is finished
	db, err := connect(ctx, s, service)
	if err != nil {
		return err
	}
	defer db.Close(work)
	// A deletion that a crash of PostgreSQL takes back is a page published again: no need to wait for the disk.
	if _, err := db.Exec(ctx, `SET synchronous_commit = off`); err != nil {
		return err
	}
	// One relay a database, or records of an order could overtake each other.
	if _, err := db.Exec(ctx, `SELECT pg_advisory_lock(7)`); err != nil {
		return err
	}
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": s.brokers, "acks": "all", "enable.idempotence": true, "linger.ms": 1,
		"partitioner": "murmur2_random",
	})
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for range producer.Events() { // errors that are worth ending for come with the reports
		}
	}()
	reports := make(chan kafka.Event, relayPage)
	var published []int64
	for ctx.Err() == nil {
		n, err := producePage(work, db, producer, published, reports)
		if err != nil {
			return err
		}
		published = published[:0]
		for ; n > 0; n-- {
			m := (<-reports).(*kafka.Message)
			if m.TopicPartition.Error != nil {
				return m.TopicPartition.Error // all of the page comes again
			}
			published = append(published, m.Opaque.(int64))
		}
		if len(published) == 0 {
			time.Sleep(s.poll)
		}
	}
	if len(published) > 0 {
		_, err = db.Exec(work, trimOutbox, published)
	}
	return err
}

// producePage deletes what was published, reads what comes next and hands it to the producer. Returns how many.
func producePage(
	ctx context.Context, db *pgx.Conn, producer *kafka.Producer, published []int64, reports chan kafka.Event,
) (int, error) {
	batch := &pgx.Batch{}
	if len(published) > 0 {
		batch.Queue(trimOutbox, published)
	}
	batch.Queue(readOutbox)
	results := db.SendBatch(ctx, batch)
	defer results.Close()
	if len(published) > 0 {
		if _, err := results.Exec(); err != nil {
			return 0, err
		}
	}
	rows, err := results.Query()
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var position int64
		var id, topic, key, kind string
		var value []byte
		if err := rows.Scan(&position, &id, &topic, &key, &kind, &value); err != nil {
			return n, err
		}
		err := producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
			Key:            []byte(key), Value: value, Opaque: position,
			Headers: []kafka.Header{{Key: "ce_id", Value: []byte(id)}, {Key: "ce_type", Value: []byte(kind)}},
		}, reports)
		if err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}
