package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type api struct{ orders, views *pgxpool.Pool }

func openPool(ctx context.Context, s settings, service string, size int32) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(s.database)
	if err != nil {
		return nil, err
	}
	configure(c.ConnConfig, service)
	c.MinConns, c.MaxConns = size, size
	return pgxpool.ConnectConfig(ctx, c)
}

// serve runs until ctx ends or the order service fails, and then answers what has come in.
func serve(ctx context.Context, s settings) error {
	orders, err := openPool(ctx, s, "orders", 32)
	if err != nil {
		return err
	}
	defer orders.Close()
	views, err := openPool(ctx, s, "projection", 8)
	if err != nil {
		return err
	}
	defer views.Close()
	a := &api{orders, views}
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", a.create)
	routes.HandleFunc("/orders/", a.show)
	server := &http.Server{Addr: s.listen, Handler: routes, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	failure := orderService(s).consume(ctx, s)
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(last); failure == nil {
		failure = err
	}
	return failure
}

func (b *body) isOrder() bool {
	total, err := b.Total.Float64()
	if err != nil || !(total >= 0 && total < 1e10) || b.UserID == "" || len(b.Items) == 0 {
		return false
	}
	for _, i := range b.Items {
		if i.SKU == "" || i.Qty < 1 || i.Qty > 10000 {
			return false
		}
	}
	return true
}

// create stores an order and what it has to tell in one transaction and one round trip.
func (a *api) create(w http.ResponseWriter, r *http.Request) {
	var b body
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	if r.Method != http.MethodPost || decoder.Decode(&b) != nil || !b.isOrder() {
		problem(w, http.StatusBadRequest, "not an order")
		return
	}
	b.OrderID, b.Reason, b.At = newID(), "", time.Now().UTC()
	items, err := json.Marshal(b.Items)
	var out outbox
	if err == nil {
		err = out.tell(orderEvents, "OrderCreated", b)
	}
	if err == nil {
		batch := &pgx.Batch{} // sent as one, it is one transaction
		batch.Queue(`INSERT INTO orders (id, user_id, items, total, created_at) VALUES ($1, $2, $3, $4, $5)`,
			b.OrderID, b.UserID, items, b.Total.String(), b.At)
		out.save(batch)
		err = a.orders.SendBatch(r.Context(), batch).Close()
	}
	if err != nil {
		log.Print(err)
		problem(w, http.StatusServiceUnavailable, "the order is not stored")
		return
	}
	w.Header().Set("Location", "/orders/"+b.OrderID)
	answer(w, http.StatusCreated, map[string]any{"order": b})
}

func (a *api) show(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	if !isID(id) {
		problem(w, http.StatusNotFound, "no such order")
		return
	}
	var view json.RawMessage
	err := a.views.QueryRow(r.Context(), `SELECT json_build_object('orderId', order_id, 'status', status, 'userId', user_id,
		'items', items, 'total', total, 'timeline', timeline) FROM order_views WHERE order_id = $1`, id).Scan(&view)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		problem(w, http.StatusNotFound, "no such order")
	case err != nil:
		log.Print(err)
		problem(w, http.StatusServiceUnavailable, "orders can't be read")
	default:
		answer(w, http.StatusOK, view)
	}
}

func problem(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]any{"status": status, "title": text})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a client that has gone isn't told
}
