package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"hash/maphash"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
)

type verdict struct {
	Exact  bool   `json:"exact"`
	Detail string `json:"detail"`
	Orders int    `json:"orders"`
	Copies int    `json:"copies"` // of records, known by their ids: allowed, and seen through by readers
}

// facts compares the topic with the orders that were answered 201: each has every fact once, and nobody else has any.
func facts(ctx context.Context, args []string) (any, error) {
	f := flag.NewFlagSet("facts", flag.ExitOnError)
	brokers, topic := f.String("brokers", "", "addresses"), f.String("topic", "order-events", "its name")
	path := f.String("ids", "", "file with the ids of the orders that were taken")
	api := f.String("api", "", "where twenty of them are asked for; empty: nowhere")
	list := f.String("types", "OrderCreated,ShipmentCreated,StockReserved,PaymentProcessed,OrderConfirmed,"+
		"ShipmentDispatched,NotificationSent", "types of the facts that every order has")
	_ = f.Parse(args)
	types := strings.Split(*list, ",")
	place := map[string]int{}
	for i, t := range types {
		place[t] = i
	}
	wanted, order, err := readIDs(*path, len(types))
	if err != nil {
		return nil, err
	}
	v := verdict{Orders: len(order)}
	if len(wanted) != len(order) {
		v.Detail = fmt.Sprintf("%d orders were answered with ids of others", len(order)-len(wanted))
		return v, nil
	}
	strangers, odd, err := tally(ctx, *brokers, *topic, place, wanted, &v)
	if err != nil {
		return nil, err
	}
	wrong, example := 0, ""
	for id, counts := range wanted {
		for i, n := range counts {
			if n != 1 {
				wrong++
				example = fmt.Sprintf("%s has %s %d times", id, types[i], n)
				break
			}
		}
	}
	asked, missing := askFor(ctx, *api, order)
	v.Exact = wrong == 0 && strangers == 0 && odd == 0 && missing == 0
	v.Detail = fmt.Sprintf("%d orders, each with %d facts once", len(order), len(types))
	if !v.Exact {
		v.Detail = fmt.Sprintf("of %d orders %d have other facts than they should (%s); %d records without an id or of other types, "+
			"%d of orders that nobody was answered; %d of %d asked for over HTTP are not confirmed",
			len(order), wrong, example, odd, strangers, missing, asked)
	}
	return v, nil
}

func readIDs(path string, types int) (map[string][]uint16, []string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	wanted := map[string][]uint16{}
	var order []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		wanted[lines.Text()] = make([]uint16, types)
		order = append(order, lines.Text())
	}
	return wanted, order, nil
}

// tally counts what the topic has up to its present end.
func tally(
	ctx context.Context, brokers, topic string, place map[string]int, wanted map[string][]uint16, v *verdict,
) (strangers, odd int, err error) {
	r, err := openReader(brokers, topic)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	var from []kafka.TopicPartition
	open := 0
	for p, end := range r.ends {
		if end > 0 {
			from, open = append(from, kafka.TopicPartition{Topic: &r.topic, Partition: p, Offset: kafka.OffsetBeginning}), open+1
		}
	}
	if open == 0 {
		return 0, 0, nil
	}
	if err := r.Assign(from); err != nil {
		return 0, 0, err
	}
	seen, seed := map[uint64]bool{}, maphash.MakeSeed()
	for quiet := time.Now(); open > 0; {
		if ctx.Err() != nil || time.Since(quiet) > 30*time.Second {
			return 0, 0, fmt.Errorf("%s gave no record for 30 s, before its end", topic)
		}
		m, ok := r.Poll(100).(*kafka.Message)
		if !ok {
			continue
		}
		if m.TopicPartition.Error != nil {
			return 0, 0, m.TopicPartition.Error
		}
		quiet = time.Now()
		if end := r.ends[m.TopicPartition.Partition]; int64(m.TopicPartition.Offset) == end-1 {
			open--
		} else if int64(m.TopicPartition.Offset) >= end {
			continue
		}
		var id, kind []byte
		for _, h := range m.Headers {
			switch h.Key {
			case "ce_id":
				id = h.Value
			case "ce_type":
				kind = h.Value
			}
		}
		if len(id) == 0 {
			odd++
			continue
		}
		mark := maphash.Bytes(seed, id)
		if seen[mark] {
			v.Copies++
			continue
		}
		seen[mark] = true
		counts := wanted[string(m.Key)]
		i, known := place[string(kind)]
		switch {
		case counts == nil:
			strangers++
		case !known:
			odd++
		default:
			counts[i]++
		}
	}
	return strangers, odd, nil
}

// askFor says how many of some orders are not confirmed over HTTP.
func askFor(ctx context.Context, api string, ids []string) (asked, missing int) {
	if api == "" {
		return 0, 0
	}
	client := &http.Client{Timeout: 10 * time.Second}
	step := len(ids)/20 + 1
	for i := 0; i < len(ids); i += step {
		asked++
		var order struct {
			Status string `json:"status"`
			Order  struct {
				Status string `json:"status"`
			} `json:"order"`
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/orders/"+ids[i], nil)
		if err != nil {
			missing++
			continue
		}
		response, err := client.Do(request)
		if err != nil {
			missing++
			continue
		}
		err = json.NewDecoder(response.Body).Decode(&order)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK ||
			order.Status != "confirmed" && order.Order.Status != "confirmed" {
			missing++
		}
	}
	return asked, missing
}
