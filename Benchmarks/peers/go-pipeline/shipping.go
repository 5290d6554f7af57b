package main

import "github.com/jackc/pgx/v4"

// shipping prepares a shipment of every order, and sends it when the order is confirmed.
func shipping(settings) *service {
	return &service{
		name: "shipping", topic: orderEvents, reads: []string{"OrderCreated", "OrderConfirmed", "OrderCancelled"},
		begin: func() unit { return &shipments{status: map[string]string{}} },
	}
}

type shipments struct {
	blind
	status map[string]string
}

func (s *shipments) react(m message, out *outbox) error {
	fact := ""
	switch m.kind {
	case "OrderCreated":
		s.status[m.OrderID], fact = "prepared", "ShipmentCreated"
	case "OrderConfirmed":
		s.status[m.OrderID], fact = "dispatched", "ShipmentDispatched"
	case "OrderCancelled":
		s.status[m.OrderID], fact = "cancelled", "ShipmentCancelled"
	}
	return out.tell(orderEvents, fact, body{OrderID: m.OrderID})
}

func (s *shipments) save(to *pgx.Batch) error {
	var ids, states []string
	for id, status := range s.status {
		ids, states = append(ids, id), append(states, status)
	}
	to.Queue(`INSERT INTO shipments (order_id, status) SELECT * FROM unnest($1::uuid[], $2::text[])
		ON CONFLICT (order_id) DO UPDATE SET status = excluded.status`, ids, states)
	return nil
}
