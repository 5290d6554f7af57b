package main

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v4"
)

// projection folds the facts of an order that a batch has before it writes: one row a batch and order.
func projection(settings) *service {
	return &service{
		name: "projection", topic: orderEvents,
		reads: []string{"OrderCreated", "ShipmentCreated", "StockReserved", "StockRejected", "PaymentProcessed",
			"PaymentFailed", "OrderConfirmed", "OrderCancelled", "ShipmentDispatched", "ShipmentCancelled",
			"NotificationSent"},
		begin: func() unit { return &views{news: map[string]*view{}} },
	}
}

type entry struct {
	Type string    `json:"type"`
	At   time.Time `json:"at"`
}

// view is what a batch adds to a row; nil says nothing new.
type view struct {
	status             string
	user, items, total *string
	timeline           []entry
}

type views struct {
	blind
	news map[string]*view
}

func (v *views) react(m message, _ *outbox) error {
	new := v.news[m.OrderID]
	if new == nil {
		new = &view{status: "pending"}
		v.news[m.OrderID] = new
	}
	new.timeline = append(new.timeline, entry{m.kind, m.At})
	switch m.kind {
	case "OrderCreated":
		text, err := json.Marshal(m.Items)
		if err != nil {
			return err
		}
		user, items, total := m.UserID, string(text), m.Total.String()
		new.user, new.items, new.total = &user, &items, &total
	case "OrderConfirmed":
		new.status = "confirmed"
	case "OrderCancelled":
		new.status = "cancelled"
	}
	return nil
}

func (v *views) save(to *pgx.Batch) error {
	var ids, states, timelines []string
	var users, items, totals []*string
	for id, new := range v.news {
		timeline, err := json.Marshal(new.timeline)
		if err != nil {
			return err
		}
		ids, states, timelines = append(ids, id), append(states, new.status), append(timelines, string(timeline))
		users, items, totals = append(users, new.user), append(items, new.items), append(totals, new.total)
	}
	to.Queue(`INSERT INTO order_views AS old (order_id, status, user_id, items, total, timeline)
		SELECT id, status, user_id, items::jsonb, total::numeric, timeline::jsonb
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
			AS new (id, status, user_id, items, total, timeline)
		ON CONFLICT (order_id) DO UPDATE SET
			status = CASE WHEN excluded.status = 'pending' THEN old.status ELSE excluded.status END,
			user_id = coalesce(excluded.user_id, old.user_id), items = coalesce(excluded.items, old.items),
			total = coalesce(excluded.total, old.total), timeline = old.timeline || excluded.timeline`,
		ids, states, users, items, totals, timelines)
	return nil
}
