package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// plan is which orders are posted when.
type plan struct {
	api                   string
	orders, connections   int
	rate, seconds, probes float64
}

// moment is when an order is due, from the start on, and whether it is watched.
type moment struct {
	due     time.Duration
	isProbe bool
}

// moments are those of all orders, the same in every run: each at any time of its 1/rate of a second, and any of them
// watched. Customers keep no beat; a load that did would meet the beats of a shop, ticks or looks for work, at the same
// point each time, and its probes would find the shop fast or slow by chance.
func (p *plan) moments() []moment {
	r := rand.New(rand.NewSource(61))
	all := make([]moment, p.orders)
	for n := range all {
		all[n] = moment{
			due:     time.Duration((float64(n) + r.Float64()) / p.rate * float64(time.Second)),
			isProbe: r.Float64()*p.rate < p.probes}
	}
	return all
}

type answer struct {
	id, problem string
	took        time.Duration // from when the order was due
}

// run posts all orders and returns the ids of those that were taken. An order is due at a moment of its own; a shop
// that stands still is charged with the wait of every order that is due meanwhile.
func (p *plan) run(ctx context.Context, start time.Time, watch *watch) ([]string, outcome) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: p.connections, MaxConnsPerHost: p.connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	bodies := sampleOrders()
	answers := make([]answer, p.orders)
	var moments []moment
	if p.rate > 0 {
		moments = p.moments()
	}
	var next int64 = -1
	var working sync.WaitGroup
	for i := 0; i < p.connections; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for ctx.Err() == nil {
				n := int(atomic.AddInt64(&next, 1))
				if n >= p.orders {
					return
				}
				due, isProbe := time.Now(), false
				if moments != nil {
					due, isProbe = start.Add(moments[n].due), moments[n].isProbe
					time.Sleep(time.Until(due))
				}
				answers[n] = send(ctx, client, p.api, bodies[n%len(bodies)])
				answers[n].took = time.Since(due)
				if isProbe && answers[n].id != "" {
					watch.add(answers[n].id, due)
				}
			}
		}()
	}
	working.Wait()
	r := outcome{Offered: p.orders}
	var taken []string
	var times []time.Duration
	for _, a := range answers {
		if a.id == "" {
			r.Refused++
			if r.Problem == "" {
				r.Problem = a.problem
			}
			continue
		}
		taken, times = append(taken, a.id), append(times, a.took)
	}
	r.Taken, r.Post = len(taken), quantilesOf(times)
	return taken, r
}

func send(ctx context.Context, client *http.Client, api string, body []byte) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/orders", bytes.NewReader(body))
	if err != nil {
		return answer{problem: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return answer{problem: err.Error()}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return answer{problem: err.Error()}
	}
	var created struct {
		Order struct {
			OrderID string `json:"orderId"`
		} `json:"order"`
	}
	if response.StatusCode != http.StatusCreated || json.Unmarshal(text, &created) != nil || created.Order.OrderID == "" {
		return answer{problem: fmt.Sprintf("answered %d: %.200s", response.StatusCode, text)}
	}
	return answer{id: created.Order.OrderID}
}

// sampleOrders are orders of one to three articles, the same in every run.
func sampleOrders() [][]byte {
	r := rand.New(rand.NewSource(16))
	orders := make([][]byte, 2048)
	for i := range orders {
		var items []map[string]any
		for n := 1 + r.Intn(3); n > 0; n-- {
			items = append(items, map[string]any{"sku": fmt.Sprintf("SKU-%05d", r.Intn(20000)), "qty": 1 + r.Intn(5)})
		}
		orders[i], _ = json.Marshal(map[string]any{ // numbers and texts alone: can't fail
			"userId": fmt.Sprintf("user-%06d", r.Intn(100000)), "items": items,
			"total": float64(100+r.Intn(20000)) / 100})
	}
	return orders
}
