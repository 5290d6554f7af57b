package main

import "github.com/jackc/pgx/v4"

// notification writes a mail for each outcome of an order. The row is the mail: nobody delivers it.
func notification(settings) *service {
	return &service{
		name: "notification", topic: orderEvents, reads: []string{"OrderConfirmed", "OrderCancelled"},
		begin: func() unit { return &mails{} },
	}
}

type mails struct {
	blind
	ids, kinds, users []string
}

func (m *mails) react(about message, out *outbox) error {
	m.ids, m.kinds = append(m.ids, about.OrderID), append(m.kinds, about.kind)
	m.users = append(m.users, about.UserID)
	return out.tell(orderEvents, "NotificationSent",
		body{OrderID: about.OrderID, UserID: about.UserID, Reason: about.kind})
}

func (m *mails) save(to *pgx.Batch) error {
	to.Queue(`INSERT INTO mails (order_id, kind, user_id) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])`,
		m.ids, m.kinds, m.users)
	return nil
}
