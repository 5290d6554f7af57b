package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v4"
)

type item struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

// body is what facts and commands say, each as much of it as it needs.
type body struct {
	OrderID string      `json:"orderId"`
	UserID  string      `json:"userId,omitempty"`
	Items   []item      `json:"items,omitempty"`
	Total   json.Number `json:"total,omitempty"`
	Token   string      `json:"paymentToken,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	At      time.Time   `json:"at"`
}

// envelope is the value of a record; its id and type are headers too, and its key is the order's id.
type envelope struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	Payload body   `json:"payload"`
}

// message is a record that a service reacts to.
type message struct {
	id, kind string
	body
}

// newID is a UUIDv7: new rows lie at the right edge of their index, as orderflow's do.
func newID() string {
	var b [16]byte
	if _, err := rand.Read(b[6:]); err != nil {
		panic(err) // without random numbers nothing can go on
	}
	ms := time.Now().UnixMilli()
	for i := 0; i < 6; i++ {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f' || s[i] >= 'A' && s[i] <= 'F'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// outbox gathers what is to be published, to be written in the transaction of the effects that it tells of.
type outbox struct{ ids, topics, keys, kinds, values []string }

const writeOutbox = `INSERT INTO outbox (id, topic, key, type, value)
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])`

func (o *outbox) tell(topic, kind string, b body) error {
	b.At = time.Now().UTC()
	value, err := json.Marshal(envelope{kind, 1, b})
	if err != nil {
		return err
	}
	o.ids, o.topics, o.keys = append(o.ids, newID()), append(o.topics, topic), append(o.keys, b.OrderID)
	o.kinds, o.values = append(o.kinds, kind), append(o.values, string(value))
	return nil
}

func (o *outbox) save(to *pgx.Batch) {
	if len(o.ids) > 0 {
		to.Queue(writeOutbox, o.ids, o.topics, o.keys, o.kinds, o.values)
	}
}
