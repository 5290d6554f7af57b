// Load for whole shops, and the check of what came of it: the same for every shop, by HTTP, Kafka and SQL alone.
//
//	shop-load post         posts orders, waits until all are settled and told of, prints times as a line of JSON
//	shop-load facts        reads the topic and says whether every order has each of its facts once, and no other order
//	shop-load grow         waits until a topic has so many records, prints the rate from the first new one to the last
//	shop-load warm-broker  fills a topic of its own and deletes it: a broker on a JVM is slow when it is new
//
// Flags are told by `shop-load COMMAND -help`. VIEWS_URL is the database of the read model, of `post`.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o shop-load .
//
// Debian: golang-go, golang-github-jackc-pgx-v4-dev, golang-github-confluentinc-confluent-kafka-go-dev
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

var commands = map[string]func(context.Context, []string) (any, error){
	"post": post, "facts": facts, "grow": grow, "warm-broker": warmBroker,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: shop-load post | facts | grow | warm-broker [flags]; -help says which")
		os.Exit(64)
	}
	result, err := commands[os.Args[1]](ctx, os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "shop-load %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}
