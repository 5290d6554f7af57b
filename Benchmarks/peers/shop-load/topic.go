package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
)

// reader is a consumer of a whole topic, in no group's way.
type reader struct {
	*kafka.Consumer
	topic string
	ends  map[int32]int64
	total int64 // records between the starts and the ends
}

func openReader(brokers, topic string) (*reader, error) {
	c, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": brokers, "group.id": "shop-load", "enable.auto.commit": false,
		"auto.offset.reset": "earliest",
		// The dev broker answers a fetch with all there is.
		"receive.message.max.bytes": 2000000000, "queued.max.messages.kbytes": 65536,
	})
	if err != nil {
		return nil, err
	}
	r := &reader{c, topic, map[int32]int64{}, 0}
	if err := r.mark(); err != nil {
		c.Close()
		return nil, err
	}
	return r, nil
}

// mark notes how far the topic goes by now.
func (r *reader) mark() error {
	if len(r.ends) == 0 {
		about, err := r.GetMetadata(&r.topic, false, 10000)
		if err != nil {
			return err
		}
		for _, p := range about.Topics[r.topic].Partitions {
			r.ends[p.ID] = 0
		}
		if len(r.ends) == 0 {
			return fmt.Errorf("no topic %s", r.topic)
		}
	}
	r.total = 0
	for p := range r.ends {
		low, high, err := r.watermarks(p)
		if err != nil {
			return err
		}
		r.ends[p] = high
		r.total += high - low
	}
	return nil
}

// watermarks waits for the leader of a topic that was just made.
func (r *reader) watermarks(p int32) (int64, int64, error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		low, high, err := r.QueryWatermarkOffsets(r.topic, p, 10000)
		e, known := err.(kafka.Error)
		isNew := known && (e.Code() == kafka.ErrNotLeaderForPartition || e.Code() == kafka.ErrLeaderNotAvailable)
		if !isNew || time.Now().After(end) {
			return low, high, err
		}
	}
}

var counting = map[string]*reader{}

// records is how many a topic has.
func records(brokers, topic string) (int64, error) {
	r := counting[topic]
	if r == nil {
		var err error
		if r, err = openReader(brokers, topic); err != nil {
			return 0, err
		}
		counting[topic] = r
	} else if err := r.mark(); err != nil {
		return 0, err
	}
	return r.total, nil
}

type growth struct {
	Records int64   `json:"records"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
}

func grow(ctx context.Context, args []string) (any, error) {
	f := flag.NewFlagSet("grow", flag.ExitOnError)
	brokers, topic := f.String("brokers", "", "addresses"), f.String("topic", "order-events", "its name")
	until := f.Int64("until", 0, "records that it shall have")
	limit := f.Float64("limit", 600, "seconds to wait at most")
	_ = f.Parse(args)
	before, err := records(*brokers, *topic)
	if err != nil {
		return nil, err
	}
	first, now := before, before
	var start time.Time
	for end := time.Now().Add(time.Duration(*limit * float64(time.Second))); now < *until; {
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, fmt.Errorf("%s has %d of %d records after %.0f s", *topic, now, *until, *limit)
		}
		time.Sleep(50 * time.Millisecond)
		if now, err = records(*brokers, *topic); err != nil {
			return nil, err
		}
		if start.IsZero() && now > before {
			start, first = time.Now(), now
		}
	}
	took := 0.0
	if !start.IsZero() {
		took = time.Since(start).Seconds()
	}
	g := growth{Records: now - first, Seconds: took}
	if took > 0 {
		g.Rate = float64(g.Records) / took
	}
	return g, nil
}

func warmBroker(ctx context.Context, args []string) (any, error) {
	f := flag.NewFlagSet("warm-broker", flag.ExitOnError)
	brokers := f.String("brokers", "", "addresses")
	total := f.Int("records", 800000, "how many")
	_ = f.Parse(args)
	topic := "shop-load-warm-up"
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": *brokers})
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	wait := kafka.SetAdminOperationTimeout(30 * time.Second)
	made, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: topic, NumPartitions: 6, ReplicationFactor: 1}}, wait)
	if err == nil && made[0].Error.Code() != kafka.ErrNoError {
		err = made[0].Error
	}
	if err != nil {
		return nil, err
	}
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": *brokers, "acks": "all", "enable.idempotence": true, "go.delivery.reports": false})
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	value := make([]byte, 600)
	for i := 0; i < *total && ctx.Err() == nil; {
		err := producer.Produce(&kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(i % 6)}, Value: value}, nil)
		if e, full := err.(kafka.Error); full && e.Code() == kafka.ErrQueueFull {
			producer.Flush(100)
		} else if err != nil {
			return nil, err
		} else {
			i++
		}
	}
	if left := producer.Flush(60000); left > 0 {
		return nil, fmt.Errorf("%d records were not taken within a minute", left)
	}
	_, err = admin.DeleteTopics(ctx, []string{topic}, wait)
	return map[string]int{"records": *total}, err
}
