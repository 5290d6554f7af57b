// The service that a Go team would write instead: net/http and pgx, an order row and an outbox row in one transaction
// for each request. No relay runs beside it, which is in its favour.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o go-outbox .    (Debian: golang-go, golang-github-jackc-pgx-v4-dev)
//	DATABASE_URL=postgresql://… LISTEN=127.0.0.1:3100 [PIPELINED=1] [POOL=32] ./go-outbox
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

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
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

const (
	insertOrder  = `INSERT INTO orders (id, user_id, items, total, created_at) VALUES ($1, $2, $3, $4, $5)`
	insertOutbox = `INSERT INTO outbox (topic, key, payload) VALUES ('order-events', $1, $2)`
)

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

func store(ctx context.Context, pool *pgxpool.Pool, o *order, pipelined bool) error {
	items, err := json.Marshal(o.Items)
	if err != nil {
		return err
	}
	event, err := json.Marshal(envelope{"OrderCreated", 1, *o})
	if err != nil {
		return err
	}
	return pool.BeginFunc(ctx, func(tx pgx.Tx) error {
		if pipelined {
			batch := &pgx.Batch{}
			batch.Queue(insertOrder, o.OrderID, o.UserID, items, o.Total.String(), o.CreatedAt)
			batch.Queue(insertOutbox, o.OrderID, event)
			return tx.SendBatch(ctx, batch).Close()
		}
		if _, err := tx.Exec(ctx, insertOrder, o.OrderID, o.UserID, items, o.Total.String(), o.CreatedAt); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertOutbox, o.OrderID, event)
		return err
	})
}

func main() {
	ctx := context.Background()
	size := os.Getenv("POOL")
	if size == "" {
		size = "32"
	}
	pool, err := pgxpool.Connect(ctx, os.Getenv("DATABASE_URL")+"?pool_max_conns="+size)
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, user_id text NOT NULL, items jsonb NOT NULL,
		 total numeric NOT NULL, created_at timestamptz NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,
		 key text NOT NULL, payload json NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`,
	} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			log.Fatal(err)
		}
	}
	pipelined := os.Getenv("PIPELINED") != ""
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		var o order
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		if r.Method != http.MethodPost || decoder.Decode(&o) != nil || o.UserID == "" || len(o.Items) == 0 {
			http.Error(w, "not an order", http.StatusBadRequest)
			return
		}
		o.CreatedAt = time.Now().UTC()
		o.OrderID = newID(o.CreatedAt)
		if err := store(r.Context(), pool, &o, pipelined); err != nil {
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
