package main

import (
	"context"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
	"github.com/jackc/pgx/v4"
)

// messaging is in every database: the messages that were handled, those to be published, and those that can't be read.
const messaging = `
CREATE TABLE IF NOT EXISTS inbox (id uuid PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL,
  topic text NOT NULL, key text NOT NULL, type text NOT NULL, value text NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (topic text, part integer, pos bigint, value bytea, reason text NOT NULL,
  PRIMARY KEY (topic, part, pos));`

// tables are the services' own, by their names.
var tables = map[string]string{
	"orders": `CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, user_id text NOT NULL, items jsonb NOT NULL,
  total numeric(14, 2) NOT NULL, status text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL)`,
	"shipping": `CREATE TABLE IF NOT EXISTS shipments (order_id uuid PRIMARY KEY, status text NOT NULL)`,
	"inventory": `CREATE TABLE IF NOT EXISTS stock (sku text PRIMARY KEY, on_hand integer NOT NULL,
  reserved integer NOT NULL DEFAULT 0, CHECK (reserved BETWEEN 0 AND on_hand));
CREATE TABLE IF NOT EXISTS reservations (order_id uuid PRIMARY KEY, items jsonb NOT NULL)`,
	"payment": `CREATE TABLE IF NOT EXISTS payments (order_id uuid PRIMARY KEY, amount numeric(14, 2) NOT NULL,
  token text NOT NULL, status text NOT NULL DEFAULT 'pending', called_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX IF NOT EXISTS payments_pending ON payments (called_at) WHERE status = 'pending'`,
	"saga": `CREATE TABLE IF NOT EXISTS sagas (order_id uuid PRIMARY KEY, amount numeric(14, 2) NOT NULL,
  token text NOT NULL, reserved boolean NOT NULL, paid boolean NOT NULL, shippable boolean NOT NULL,
  status text NOT NULL)`,
	"notification": `CREATE TABLE IF NOT EXISTS mails (order_id uuid, kind text, user_id text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (order_id, kind))`,
	"projection": `CREATE TABLE IF NOT EXISTS order_views (order_id uuid PRIMARY KEY, status text NOT NULL, user_id text,
  items jsonb, total numeric(14, 2), timeline jsonb NOT NULL)`,
}

func databaseOf(service string) string { return "peer_" + service }

// configure names the database of a service. Rows are found by their keys alone; PostgreSQL would plan for whole tables
// as long as they are new to it.
func configure(c *pgx.ConnConfig, service string) {
	c.Database = databaseOf(service)
	for _, setting := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"} {
		c.RuntimeParams[setting] = "off"
	}
}

func connect(ctx context.Context, s settings, service string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(s.database)
	if err != nil {
		return nil, err
	}
	configure(c, service)
	return pgx.ConnectConfig(ctx, c)
}

// prepare makes what is missing of databases, tables and topics.
func prepare(ctx context.Context, s settings) error {
	admin, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	for service, ddl := range tables {
		var there bool
		name := databaseOf(service)
		err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there)
		if err == nil && !there {
			_, err = admin.Exec(ctx, `CREATE DATABASE `+name)
		}
		if err != nil {
			return err
		}
		db, err := connect(ctx, s, service)
		if err != nil {
			return err
		}
		_, err = db.Exec(ctx, messaging+ddl)
		db.Close(ctx)
		if err != nil {
			return err
		}
	}
	return makeTopics(ctx, s)
}

func makeTopics(ctx context.Context, s settings) error {
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": s.brokers})
	if err != nil {
		return err
	}
	defer admin.Close()
	var wanted []kafka.TopicSpecification
	for _, topic := range []string{orderEvents, orderCommands, inventoryCommands, paymentCommands} {
		wanted = append(wanted, kafka.TopicSpecification{Topic: topic, NumPartitions: 6, ReplicationFactor: 1})
	}
	results, err := admin.CreateTopics(ctx, wanted, kafka.SetAdminOperationTimeout(20*time.Second))
	if err != nil {
		return err
	}
	for _, r := range results {
		if code := r.Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
			return r.Error
		}
	}
	return nil
}
