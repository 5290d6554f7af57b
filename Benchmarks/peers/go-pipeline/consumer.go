package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/confluentinc/confluent-kafka-go/kafka"
	"github.com/jackc/pgx/v4"
)

// service is a consumer group with a database of its own.
type service struct {
	name, topic string
	reads       []string                    // types; others are passed over
	begin       func() unit                 // the work on one batch
	committed   func([]message)             // nil, or told of what was handled
	beside      func(context.Context) error // nil, or runs beside the consumer until it fails
}

// unit is what a service does with a batch, in one transaction of two round trips.
type unit interface {
	// look names the rows that the batch may change; they come, locked, with the answer of the inbox. "" for none.
	look(batch []message) (sql string, keys []string)
	found(rows pgx.Rows) error
	// react takes a message that was never handled before.
	react(m message, out *outbox) error
	save(to *pgx.Batch) error
}

// blind is for units that need no rows.
type blind struct{}

func (blind) look([]message) (string, []string) { return "", nil }
func (blind) found(pgx.Rows) error              { return nil }

const claim = `INSERT INTO inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id::text`

func (s *service) consume(ctx context.Context, set settings) error {
	failed := make(chan error, 1)
	if s.beside != nil {
		go func() { failed <- s.beside(ctx) }()
	}
	db, err := connect(ctx, set, s.name)
	if err != nil {
		return err
	}
	defer db.Close(context.Background())
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": set.brokers, "group.id": s.name + "-group",
		// A member that is started again goes on with its partitions at once.
		"group.instance.id": s.name, "session.timeout.ms": 10000,
		// Offsets are committed every second, of what is in the database by then.
		"enable.auto.commit": true, "auto.commit.interval.ms": 1000, "enable.auto.offset.store": false,
		"auto.offset.reset": "earliest",
	})
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.SubscribeTopics([]string{s.topic}, nil); err != nil {
		return err
	}
	for ctx.Err() == nil {
		select {
		case err := <-failed:
			return err
		default:
		}
		batch, next, err := s.gather(consumer, db, set.batch)
		if err == nil && len(batch) > 0 {
			err = s.handle(db, batch)
		}
		if err != nil {
			return err
		}
		if len(next) > 0 {
			if _, err := consumer.StoreOffsets(next); err != nil {
				log.Print(err) // the partition is gone; its records come again and are known
			}
		}
	}
	return nil
}

// gather waits for a record and takes what else is there. next is where reading goes on when the batch is done.
func (s *service) gather(
	c *kafka.Consumer, db *pgx.Conn, limit int,
) (batch []message, next []kafka.TopicPartition, err error) {
	place := map[int32]int{}
	for wait, seen := 100, 0; len(batch) < limit && seen < 10*limit; wait, seen = 0, seen+1 {
		switch e := c.Poll(wait).(type) {
		case nil:
			return batch, next, nil
		case kafka.Error:
			log.Print(e) // librdkafka tries again by itself
		case *kafka.Message:
			at := e.TopicPartition
			i, known := place[at.Partition]
			if !known {
				i, next = len(next), append(next, at)
				place[at.Partition] = i
			}
			next[i].Offset = at.Offset + 1
			m, err := s.read(e)
			if err != nil {
				log.Printf("%v: %v", at, err)
				_, err = db.Exec(context.Background(), `INSERT INTO dead_letters (topic, part, pos, value, reason)
					VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
					s.topic, at.Partition, int64(at.Offset), e.Value, err.Error())
				if err != nil {
					return nil, nil, err
				}
			} else if m != nil {
				batch = append(batch, *m)
			}
		}
	}
	return batch, next, nil
}

// read is nil for records that the service passes over.
func (s *service) read(record *kafka.Message) (*message, error) {
	var m message
	for _, h := range record.Headers {
		switch h.Key {
		case "ce_id":
			m.id = string(h.Value)
		case "ce_type":
			m.kind = string(h.Value)
		}
	}
	wanted := false
	for _, kind := range s.reads {
		wanted = wanted || kind == m.kind
	}
	if !wanted {
		return nil, nil
	}
	var e envelope
	if err := json.Unmarshal(record.Value, &e); err != nil {
		return nil, err
	}
	m.body = e.Payload
	if !isID(m.id) || !isID(m.OrderID) {
		return nil, fmt.Errorf("%s %q of order %q: not the ids of a message and an order", m.kind, m.id, m.OrderID)
	}
	return &m, nil
}

// handle does what a batch asks for once: the inbox says what is new, and effects, outbox and inbox commit together.
func (s *service) handle(db *pgx.Conn, batch []message) error {
	ctx := context.Background() // what has begun is finished
	u := s.begin()
	fresh, err := claimNew(ctx, db, u, batch)
	if err != nil {
		return err
	}
	var out outbox
	for _, m := range fresh {
		if err := u.react(m, &out); err != nil {
			return err
		}
	}
	effects := &pgx.Batch{}
	if len(fresh) > 0 {
		if err := u.save(effects); err != nil {
			return err
		}
	}
	out.save(effects)
	effects.Queue(`COMMIT`)
	if err := db.SendBatch(ctx, effects).Close(); err != nil {
		return err
	}
	if s.committed != nil {
		s.committed(fresh)
	}
	return nil
}

// claimNew begins the transaction and returns the messages that were never handled; their rows are read meanwhile.
func claimNew(ctx context.Context, db *pgx.Conn, u unit, batch []message) ([]message, error) {
	ids := make([]string, 0, len(batch))
	for _, m := range batch {
		ids = append(ids, m.id)
	}
	start := &pgx.Batch{}
	start.Queue(`BEGIN`)
	start.Queue(claim, ids)
	sql, keys := u.look(batch)
	if sql != "" {
		start.Queue(sql, keys)
	}
	results := db.SendBatch(ctx, start)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return nil, err
	}
	unseen := map[string]bool{}
	err := eachRow(results, func(rows pgx.Rows) error {
		var id string
		err := rows.Scan(&id)
		unseen[id] = true
		return err
	})
	if err == nil && sql != "" {
		err = eachRow(results, u.found)
	}
	if err != nil {
		return nil, err
	}
	fresh := batch[:0]
	for _, m := range batch {
		if unseen[m.id] {
			delete(unseen, m.id) // a second copy in one batch is a copy too
			fresh = append(fresh, m)
		}
	}
	return fresh, results.Close()
}

func eachRow(results pgx.BatchResults, do func(pgx.Rows) error) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func orderIDs(batch []message) []string {
	ids := make([]string, 0, len(batch))
	for _, m := range batch {
		ids = append(ids, m.OrderID)
	}
	return ids
}
