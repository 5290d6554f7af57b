package main

import (
	"encoding/json"

	"github.com/jackc/pgx/v4"
)

// orderService decides orders as the saga asks, each once.
func orderService(settings) *service {
	return &service{
		name: "orders", topic: orderCommands, reads: []string{"ConfirmOrder", "CancelOrder"},
		begin: func() unit { return &decisions{orders: map[string]*order{}, decided: map[string][]string{}} },
	}
}

type order struct{ id, user, total, status string }

type decisions struct {
	orders  map[string]*order
	decided map[string][]string // status: ids
}

func (d *decisions) look(batch []message) (string, []string) {
	return `SELECT id::text, user_id, total::text, status FROM orders WHERE id = ANY($1::uuid[]) FOR UPDATE`, orderIDs(batch)
}

func (d *decisions) found(rows pgx.Rows) error {
	var o order
	err := rows.Scan(&o.id, &o.user, &o.total, &o.status)
	d.orders[o.id] = &o
	return err
}

func (d *decisions) react(m message, out *outbox) error {
	o := d.orders[m.OrderID]
	if o == nil || o.status != "pending" {
		return nil
	}
	fact := "OrderConfirmed"
	o.status = "confirmed"
	if m.kind == "CancelOrder" {
		o.status, fact = "cancelled", "OrderCancelled"
	}
	d.decided[o.status] = append(d.decided[o.status], o.id)
	return out.tell(orderEvents, fact, body{OrderID: o.id, UserID: o.user, Total: json.Number(o.total), Reason: m.Reason})
}

func (d *decisions) save(to *pgx.Batch) error {
	for status, ids := range d.decided {
		to.Queue(`UPDATE orders SET status = $1 WHERE id = ANY($2::uuid[])`, status, ids)
	}
	return nil
}
