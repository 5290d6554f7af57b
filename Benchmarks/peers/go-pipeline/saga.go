package main

import (
	"encoding/json"

	"github.com/jackc/pgx/v4"
)

// saga asks for stock, then for the money, and has the order confirmed when the shipment is ready too.
func saga(settings) *service {
	return &service{
		name: "saga", topic: orderEvents,
		reads: []string{"OrderCreated", "ShipmentCreated", "StockReserved", "StockRejected", "PaymentProcessed",
			"PaymentFailed", "OrderConfirmed", "OrderCancelled"},
		begin: func() unit { return &instances{known: map[string]*instance{}, changed: map[string]*instance{}} },
	}
}

type instance struct {
	id, amount, token, status string
	reserved, paid, shippable bool
}

type instances struct{ known, changed map[string]*instance }

func (s *instances) look(batch []message) (string, []string) {
	return `SELECT order_id::text, amount::text, token, reserved, paid, shippable, status FROM sagas
		WHERE order_id = ANY($1::uuid[]) FOR UPDATE`, orderIDs(batch)
}

func (s *instances) found(rows pgx.Rows) error {
	var i instance
	err := rows.Scan(&i.id, &i.amount, &i.token, &i.reserved, &i.paid, &i.shippable, &i.status)
	s.known[i.id] = &i
	return err
}

func (s *instances) react(m message, out *outbox) error {
	i := s.known[m.OrderID]
	if i == nil {
		i = &instance{id: m.OrderID, amount: "0", status: "running"}
		s.known[i.id] = i
	}
	s.changed[i.id] = i
	switch m.kind {
	case "OrderCreated":
		i.amount, i.token = m.Total.String(), m.Token
		return out.tell(inventoryCommands, "ReserveStock", body{OrderID: i.id, Items: m.Items})
	case "StockReserved":
		i.reserved = true
		return out.tell(paymentCommands, "ProcessPayment",
			body{OrderID: i.id, Total: json.Number(i.amount), Token: i.token})
	case "PaymentProcessed":
		i.paid = true
	case "ShipmentCreated":
		i.shippable = true
	case "StockRejected":
		return i.cancel(m, out)
	case "PaymentFailed":
		if err := out.tell(inventoryCommands, "ReleaseStock", body{OrderID: i.id}); err != nil {
			return err
		}
		return i.cancel(m, out)
	case "OrderConfirmed":
		i.status = "confirmed"
	case "OrderCancelled":
		i.status = "cancelled"
	}
	if i.status == "running" && i.reserved && i.paid && i.shippable {
		i.status = "confirming"
		return out.tell(orderCommands, "ConfirmOrder", body{OrderID: i.id})
	}
	return nil
}

func (i *instance) cancel(m message, out *outbox) error {
	i.status = "cancelling"
	return out.tell(orderCommands, "CancelOrder", body{OrderID: i.id, Reason: m.kind})
}

func (s *instances) save(to *pgx.Batch) error {
	var ids, amounts, tokens, states []string
	var reserved, paid, shippable []bool
	for _, i := range s.changed {
		ids, amounts, tokens = append(ids, i.id), append(amounts, i.amount), append(tokens, i.token)
		reserved, paid, shippable = append(reserved, i.reserved), append(paid, i.paid), append(shippable, i.shippable)
		states = append(states, i.status)
	}
	to.Queue(`INSERT INTO sagas (order_id, amount, token, reserved, paid, shippable, status)
		SELECT id, amount::numeric, token, reserved, paid, shippable, status
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[])
			AS new (id, amount, token, reserved, paid, shippable, status)
		ON CONFLICT (order_id) DO UPDATE SET amount = excluded.amount, token = excluded.token,
			reserved = excluded.reserved, paid = excluded.paid, shippable = excluded.shippable, status = excluded.status`,
		ids, amounts, tokens, reserved, paid, shippable, states)
	return nil
}
