// The services that a Go team would write instead, with net/http:
//
//	STORE=outbox     pgx, an order row and an outbox row in one transaction for each request; no relay runs beside it
//	STORE=pipelined  the same, both INSERTs in one round trip
//	STORE=relayed    the same, and a relay in the process publishes the outbox
//	STORE=kafka      librdkafka alone, acks=all: no database, an order is on the topic and nowhere else
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o go-service .
//	DATABASE_URL=postgresql://… BROKERS=127.0.0.1:9092 LISTEN=127.0.0.1:3100 STORE=outbox [POOL=32] ./go-service
//
// Debian: golang-go, golang-github-jackc-pgx-v4-dev, golang-github-confluentinc-confluent-kafka-go-dev
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

type item struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

type order struct {
	OrderID   string      `json:"orderId"`
	UserID    string      `json:"userId"`
	Items     []item      `json:"items"`
	Total     json.Number `json:"total"`
	CreatedAt time.Time   `json:"createdAt"`
}

type envelope struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Payload order  `json:"payload"`
}

// newID is a UUIDv7: the peer gets the same right edge of its index as we have.
func newID(now time.Time) string {
	var b [16]byte
	if _, err := rand.Read(b[6:]); err != nil {
		log.Fatal(err)
	}
	ms := now.UnixMilli()
	for i := 0; i < 6; i++ {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// store makes an order durable, or returns why it isn't.
type store func(ctx context.Context, o *order) error

func open(ctx context.Context, kind string) (store, error) {
	switch kind {
	case "outbox", "pipelined":
		return openOutbox(ctx, kind == "pipelined")
	case "relayed":
		save, err := openOutbox(ctx, true)
		if err == nil {
			go func() { log.Fatal(relay(ctx)) }()
		}
		return save, err
	case "kafka":
		return openProducer()
	}
	return nil, fmt.Errorf("STORE is %q, not outbox, pipelined, relayed or kafka", kind)
}

func main() {
	save, err := open(context.Background(), os.Getenv("STORE"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		var o order
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		if r.Method != http.MethodPost || decoder.Decode(&o) != nil || o.UserID == "" || len(o.Items) == 0 {
			http.Error(w, "not an order", http.StatusBadRequest)
			return
		}
		o.CreatedAt = time.Now().UTC()
		o.OrderID = newID(o.CreatedAt)
		if err := save(r.Context(), &o); err != nil {
			log.Print(err)
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "order": o})
	})
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), nil))
}
