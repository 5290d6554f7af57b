// A whole shop as a good Go team would write it in a week: net/http, pgx and confluent-kafka-go, a database for each
// service, transactional outbox and inbox, an orchestrating saga, undoing for want of stock and for refused payments.
// The records have orderflow's form: seven facts and three commands of an order that goes well.
//
//	go-pipeline up            makes databases and topics, then runs each of these as a process until SIGTERM
//	go-pipeline api           POST /orders, GET /orders/{id}, and what the saga asks of the order service
//	go-pipeline shipping, inventory, payment, saga, notification, projection
//	go-pipeline relay NAME    publishes the outbox of a service
//
// Environment: DATABASE_URL (the services' databases are made beside its own), BROKERS, LISTEN (127.0.0.1:3100);
// BATCH (100), messages in a transaction at most, 1 for each its own; POLL (10ms), how often a relay looks into an
// empty outbox; CALLS (16), calls of the gateway at once; GATEWAY (20ms), how long one takes.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o go-pipeline .
//
// Debian: golang-go, golang-github-jackc-pgx-v4-dev, golang-github-confluentinc-confluent-kafka-go-dev
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const (
	orderEvents       = "order-events"
	orderCommands     = "order-commands"
	inventoryCommands = "inventory-commands"
	paymentCommands   = "payment-commands"
)

type settings struct {
	database, brokers, listen string
	batch, calls              int
	poll, gateway             time.Duration
}

func readSettings() (settings, error) {
	s := settings{database: os.Getenv("DATABASE_URL"), brokers: os.Getenv("BROKERS"), listen: "127.0.0.1:3100",
		batch: 100, calls: 16, poll: 10 * time.Millisecond, gateway: 20 * time.Millisecond}
	if s.database == "" || s.brokers == "" {
		return s, fmt.Errorf("DATABASE_URL and BROKERS are needed")
	}
	if v := os.Getenv("LISTEN"); v != "" {
		s.listen = v
	}
	for name, to := range map[string]*int{"BATCH": &s.batch, "CALLS": &s.calls} {
		if v := os.Getenv(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 10000 {
				return s, fmt.Errorf("%s takes 1 to 10000, not %q", name, v)
			}
			*to = n
		}
	}
	for name, to := range map[string]*time.Duration{"POLL": &s.poll, "GATEWAY": &s.gateway} {
		if v := os.Getenv(name); v != "" {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return s, fmt.Errorf("%s takes a duration such as 10ms, not %q", name, v)
			}
			*to = d
		}
	}
	return s, nil
}

// services are the consuming ones that have a process of their own; the order service consumes in the API's.
var services = map[string]func(settings) *service{
	"shipping": shipping, "inventory": inventory, "payment": payment, "saga": saga, "notification": notification,
	"projection": projection,
}

func run(ctx context.Context, s settings, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "up":
		if err := prepare(ctx, s); err != nil {
			return err
		}
		return supervise(ctx)
	case len(args) == 1 && args[0] == "api":
		return serve(ctx, s)
	case len(args) == 1 && services[args[0]] != nil:
		return services[args[0]](s).consume(ctx, s)
	case len(args) == 2 && args[0] == "relay" && tables[args[1]] != "":
		return relay(ctx, s, args[1])
	}
	return fmt.Errorf("usage: go-pipeline up | api | relay SERVICE | SERVICE")
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds | log.Lmsgprefix)
	log.SetPrefix(fmt.Sprint(os.Args[1:], " "))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s, err := readSettings()
	if err == nil {
		err = run(ctx, s, os.Args[1:])
	}
	if err != nil {
		log.Print(err)
		os.Exit(1)
	}
}
