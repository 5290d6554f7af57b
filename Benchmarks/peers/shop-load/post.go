package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

type outcome struct {
	Offered       int        `json:"offered"`
	Taken         int        `json:"taken"`
	Refused       int        `json:"refused"`
	Problem       string     `json:"problem,omitempty"` // of the first that was refused
	PostedSeconds float64    `json:"postedSeconds"`     // until the last answer
	Settled       int        `json:"settled"`
	SettleSeconds float64    `json:"settleSeconds"` // until the last order was settled
	Told          bool       `json:"told"`          // whether all facts are on the topic
	TookSeconds   float64    `json:"tookSeconds"`
	Post          *quantiles `json:"post"`
	Visible       *quantiles `json:"visible"`
	Done          *quantiles `json:"done"`
	ProbesOpen    int        `json:"probesOpen"`
	Looks         int        `json:"looks"` // statements of ours, each a transaction
}

// post is one measurement, or one warm-up. All times count from its first order.
func post(ctx context.Context, args []string) (any, error) {
	var p plan
	f := flag.NewFlagSet("post", flag.ExitOnError)
	f.StringVar(&p.api, "api", "http://127.0.0.1:3000", "where to post")
	f.IntVar(&p.orders, "orders", 0, "how many; 0: rate × seconds")
	f.Float64Var(&p.rate, "rate", 0, "orders a second, on time whatever the answers (open loop); 0: each connection when it has its answer")
	f.Float64Var(&p.seconds, "seconds", 10, "how long, with -rate")
	f.IntVar(&p.connections, "connections", 16, "requests at once at most")
	f.Float64Var(&p.probes, "probes", 0, "of -rate, so many a second are watched in the read model")
	look := f.String("look", "", "SQL: id and status of those of the orders $1 (text[]) that the read model shows")
	ids := f.String("ids", "", "file to add the ids of the taken orders to")
	drain := f.Float64("drain", 120, "longest wait, in seconds, for the last order to be settled; 0: none")
	brokers := f.String("brokers", "", "with -topic")
	topic := f.String("topic", "", "topic of the facts; empty: don't wait for them")
	each := f.Int("facts", 7, "facts an order")
	_ = f.Parse(args)
	if p.orders == 0 {
		p.orders = int(p.rate * p.seconds)
	}
	if p.orders < 1 || p.connections < 1 || p.probes < 0 || p.probes > p.rate {
		return nil, fmt.Errorf("needs -orders or -rate, -connections from 1 on, and -probes below -rate")
	}
	var before int64
	if *topic != "" {
		var err error
		if before, err = records(*brokers, *topic); err != nil {
			return nil, err
		}
	}
	watch, err := watchViews(ctx, *look)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	taken, r := p.run(ctx, start, watch)
	r.PostedSeconds = time.Since(start).Seconds()
	if err := note(*ids, taken); err != nil {
		return nil, err
	}
	limit := time.Now().Add(time.Duration(*drain * float64(time.Second)))
	last, open, err := watch.await(ctx, taken, limit)
	if err != nil {
		return nil, err
	}
	r.Settled, r.SettleSeconds = len(taken)-open, last.Sub(start).Seconds()
	if *topic != "" {
		// Dispatches and mails come after the settling.
		limit = time.Now().Add(20 * time.Second)
		for open == 0 && !r.Told && time.Now().Before(limit) && ctx.Err() == nil {
			n, err := records(*brokers, *topic)
			if err != nil {
				return nil, err
			}
			if r.Told = n-before >= int64(*each*len(taken)); !r.Told {
				time.Sleep(100 * time.Millisecond)
			}
		}
	}
	r.TookSeconds = time.Since(start).Seconds()
	r.Visible, r.Done, r.ProbesOpen = watch.times()
	r.Looks = watch.looks
	return r, nil
}

func note(path string, ids []string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	for _, id := range ids {
		fmt.Fprintln(w, id)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}
