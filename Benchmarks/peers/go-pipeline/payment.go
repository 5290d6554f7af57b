package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v4"
)

// payment notes down what is to be charged, calls the gateway outside of any transaction, and writes the outcomes with
// their facts, as many as have come. What a crash leaves open is called for again after half a minute: the gateway
// knows orders that it has charged.
func payment(s settings) *service {
	calls, outcomes := make(chan charge, 1000), make(chan charge, 1000)
	return &service{
		name: "payment", topic: paymentCommands, reads: []string{"ProcessPayment"},
		begin: func() unit { return &charges{} },
		committed: func(handled []message) {
			for _, m := range handled {
				calls <- charge{orderID: m.OrderID, amount: m.Total.String(), token: m.Token}
			}
		},
		beside: func(ctx context.Context) error {
			for i := 0; i < s.calls; i++ {
				go func() {
					for c := range calls {
						outcomes <- c.call(s.gateway)
					}
				}()
			}
			failed := make(chan error, 2)
			go func() { failed <- settle(ctx, s, outcomes) }()
			go func() { failed <- callAgain(ctx, s, calls) }()
			return <-failed
		},
	}
}

type charge struct{ orderID, amount, token, status, fact string }

// call stands for a gateway.
func (c charge) call(latency time.Duration) charge {
	time.Sleep(latency)
	c.status, c.fact = "charged", "PaymentProcessed"
	if c.token == "tok_declined" {
		c.status, c.fact = "declined", "PaymentFailed"
	}
	return c
}

type charges struct {
	blind
	ids, amounts, tokens []string
}

func (c *charges) react(m message, _ *outbox) error {
	c.ids, c.amounts, c.tokens = append(c.ids, m.OrderID), append(c.amounts, m.Total.String()), append(c.tokens, m.Token)
	return nil
}

func (c *charges) save(to *pgx.Batch) error {
	to.Queue(`INSERT INTO payments (order_id, amount, token)
		SELECT id, amount::numeric, token FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, amount, token)
		ON CONFLICT DO NOTHING`, c.ids, c.amounts, c.tokens)
	return nil
}

// One statement is one transaction. An outcome of a payment that has one already is dropped, with its fact.
const writeOutcomes = `WITH outcome AS (
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
			AS o (id, topic, key, type, value, status)),
	settled AS (
		UPDATE payments p SET status = o.status FROM outcome o
		WHERE p.order_id = o.key::uuid AND p.status = 'pending' RETURNING o.id)
	INSERT INTO outbox (id, topic, key, type, value) SELECT id, topic, key, type, value FROM outcome JOIN settled USING (id)`

func settle(ctx context.Context, s settings, outcomes <-chan charge) error {
	db, err := connect(ctx, s, "payment")
	if err != nil {
		return err
	}
	defer db.Close(context.Background())
	for {
		var out outbox
		var states []string
		take := func(c charge) error {
			states = append(states, c.status)
			return out.tell(orderEvents, c.fact, body{OrderID: c.orderID, Total: json.Number(c.amount)})
		}
		select {
		case c := <-outcomes:
			err = take(c)
		case <-ctx.Done():
			return nil
		}
		for more := true; more && err == nil && len(states) < s.batch; {
			select {
			case c := <-outcomes:
				err = take(c)
			default:
				more = false
			}
		}
		if err == nil {
			_, err = db.Exec(context.Background(), writeOutcomes,
				out.ids, out.topics, out.keys, out.kinds, out.values, states)
		}
		if err != nil {
			return err
		}
	}
}

func callAgain(ctx context.Context, s settings, calls chan<- charge) error {
	db, err := connect(ctx, s, "payment")
	if err != nil {
		return err
	}
	defer db.Close(context.Background())
	for {
		rows, err := db.Query(ctx, `UPDATE payments SET called_at = now()
			WHERE status = 'pending' AND called_at < now() - interval '30 seconds'
			RETURNING order_id::text, amount::text, token`)
		if err != nil {
			return err
		}
		var open []charge
		for rows.Next() {
			var c charge
			if err := rows.Scan(&c.orderID, &c.amount, &c.token); err != nil {
				return err
			}
			open = append(open, c)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, c := range open {
			calls <- c
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Second):
		}
	}
}
