package main

import (
	"encoding/json"

	"github.com/jackc/pgx/v4"
)

// inventory puts aside all items of an order or none. What has no level is never short, as in orderflow by default.
func inventory(settings) *service {
	return &service{
		name: "inventory", topic: inventoryCommands, reads: []string{"ReserveStock", "ReleaseStock"},
		begin: func() unit { return &reservations{free: map[string]int{}, taken: map[string]int{}} },
	}
}

type reservations struct {
	free, taken map[string]int // by article; free has those with a level
	ids, items  []string
	released    []string
}

func (r *reservations) look(batch []message) (string, []string) {
	skus := []string{}
	for _, m := range batch {
		for _, i := range m.Items {
			skus = append(skus, i.SKU)
		}
	}
	return `SELECT sku, on_hand - reserved FROM stock WHERE sku = ANY($1) ORDER BY sku FOR UPDATE`, skus
}

func (r *reservations) found(rows pgx.Rows) error {
	var sku string
	var free int
	err := rows.Scan(&sku, &free)
	r.free[sku] = free
	return err
}

func (r *reservations) react(m message, out *outbox) error {
	if m.kind == "ReleaseStock" {
		r.released = append(r.released, m.OrderID)
		return nil
	}
	wanted := map[string]int{}
	for _, i := range m.Items {
		wanted[i.SKU] += i.Qty
	}
	for sku, n := range wanted {
		if free, limited := r.free[sku]; limited && n > free {
			return out.tell(orderEvents, "StockRejected", body{OrderID: m.OrderID, Reason: sku})
		}
	}
	for sku, n := range wanted {
		if _, limited := r.free[sku]; limited {
			r.free[sku] -= n
			r.taken[sku] += n
		}
	}
	items, err := json.Marshal(m.Items)
	if err != nil {
		return err
	}
	r.ids, r.items = append(r.ids, m.OrderID), append(r.items, string(items))
	return out.tell(orderEvents, "StockReserved", body{OrderID: m.OrderID})
}

func (r *reservations) save(to *pgx.Batch) error {
	for sku, n := range r.taken {
		to.Queue(`UPDATE stock SET reserved = reserved + $2 WHERE sku = $1`, sku, n)
	}
	if len(r.ids) > 0 {
		to.Queue(`INSERT INTO reservations (order_id, items)
			SELECT id, items::jsonb FROM unnest($1::uuid[], $2::text[]) AS new (id, items)`, r.ids, r.items)
	}
	if len(r.released) > 0 {
		to.Queue(`WITH released AS (DELETE FROM reservations WHERE order_id = ANY($1::uuid[]) RETURNING items),
			back AS (SELECT item->>'sku' AS sku, sum((item->>'qty')::integer) AS qty
				FROM released, jsonb_array_elements(items) AS item GROUP BY 1)
			UPDATE stock SET reserved = reserved - back.qty FROM back WHERE stock.sku = back.sku`, r.released)
	}
	return nil
}
