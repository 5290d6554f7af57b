package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	insertOrder  = `INSERT INTO orders (id, user_id, items, total, created_at) VALUES ($1, $2, $3, $4, $5)`
	insertOutbox = `INSERT INTO outbox (topic, key, payload) VALUES ('order-events', $1, $2)`
)

func openOutbox(ctx context.Context, pipelined bool) (store, error) {
	size := os.Getenv("POOL")
	if size == "" {
		size = "32"
	}
	pool, err := pgxpool.Connect(ctx, os.Getenv("DATABASE_URL")+"?pool_max_conns="+size)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, user_id text NOT NULL, items jsonb NOT NULL,
		 total numeric NOT NULL, created_at timestamptz NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,
		 key text NOT NULL, payload json NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`,
	} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, o *order) error { return insert(ctx, pool, o, pipelined) }, nil
}

func insert(ctx context.Context, pool *pgxpool.Pool, o *order, pipelined bool) error {
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
