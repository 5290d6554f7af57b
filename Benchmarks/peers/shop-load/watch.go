package main

import (
	"context"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/jackc/pgx/v4"
)

// watch looks at the read model, by SQL rather than HTTP: requests for each order would take a part of the machine
// from the shop. Probes are looked for every 5 ms, all with one statement: times are up to that too long. Where many are
// open it is less often, so that a shop that falls behind isn't held up by looks that get dearer as it does.
type watch struct {
	look    string
	db      *pgx.Conn
	asking  sync.Mutex // of db and looks
	looks   int
	mutex   sync.Mutex // of what follows; none of the posting waits for a statement
	due     map[string]time.Time
	open    map[string]bool
	visible map[string]time.Duration
	done    map[string]time.Duration
	failure error
	stop    context.CancelFunc
	stopped chan struct{}
}

func watchViews(ctx context.Context, look string) (*watch, error) {
	w := &watch{look: look, due: map[string]time.Time{}, open: map[string]bool{}, visible: map[string]time.Duration{},
		done: map[string]time.Duration{}, stopped: make(chan struct{})}
	probing, stop := context.WithCancel(ctx)
	w.stop = stop
	if look == "" {
		close(w.stopped)
		return w, nil
	}
	var err error
	if w.db, err = pgx.Connect(ctx, os.Getenv("VIEWS_URL")); err != nil {
		return nil, err
	}
	go func() {
		defer close(w.stopped)
		for probing.Err() == nil {
			time.Sleep(pause(w.probe(ctx)))
		}
	}()
	return w, nil
}

// pause is the time from one look for so many probes to the next.
func pause(open int) time.Duration {
	const shortest, cheap = 5 * time.Millisecond, 40
	if open <= cheap {
		return shortest
	}
	return shortest * time.Duration(open) / cheap
}

func (w *watch) add(id string, due time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.due[id], w.open[id] = due, true
}

// probe returns how many probes were open.
func (w *watch) probe(ctx context.Context) int {
	w.mutex.Lock()
	ids := make([]string, 0, len(w.open))
	for id := range w.open {
		ids = append(ids, id)
	}
	failed := w.failure != nil
	w.mutex.Unlock()
	if len(ids) == 0 || failed {
		return 0
	}
	states, err := w.states(ctx, ids)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err != nil {
		w.failure = err
		return 0
	}
	now := time.Now()
	for id, status := range states {
		if _, seen := w.visible[id]; !seen {
			w.visible[id] = now.Sub(w.due[id])
		}
		if settled(status) {
			w.done[id] = now.Sub(w.due[id])
			delete(w.open, id)
		}
	}
	return len(ids)
}

func settled(status string) bool { return status == "confirmed" || status == "cancelled" }

func (w *watch) states(ctx context.Context, ids []string) (map[string]string, error) {
	w.asking.Lock()
	defer w.asking.Unlock()
	w.looks++
	rows, err := w.db.Query(ctx, w.look, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	states := map[string]string{}
	for rows.Next() {
		var id, status string
		if err := rows.Scan(&id, &status); err != nil {
			return nil, err
		}
		states[id] = status
	}
	return states, rows.Err()
}

// await returns when the last of the orders was settled, and how many are not by `limit`. It asks for the oldest open
// ones alone: to count a whole table ten times a second would be work of its own.
func (w *watch) await(ctx context.Context, ids []string, limit time.Time) (last time.Time, open int, err error) {
	last = time.Now()
	if w.look == "" {
		return last, 0, nil
	}
	defer func() { w.stop(); <-w.stopped }()
	var page []string
	for at := 0; at < len(ids) || len(page) > 0; {
		for ; at < len(ids) && len(page) < 500; at++ {
			page = append(page, ids[at])
		}
		states, err := w.states(ctx, page)
		w.mutex.Lock()
		if err == nil {
			err = w.failure
		}
		w.mutex.Unlock()
		if err != nil {
			return last, len(page) + len(ids) - at, err
		}
		still := page[:0]
		for _, id := range page {
			if !settled(states[id]) {
				still = append(still, id)
			}
		}
		if len(still) < len(page) {
			last = time.Now()
		}
		page = still
		if len(page) > 0 {
			if time.Now().After(limit) || ctx.Err() != nil {
				return last, len(page) + len(ids) - at, nil
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return last, 0, nil
}

func (w *watch) times() (visible, done *quantiles, open int) {
	w.stop()
	<-w.stopped
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return quantilesOf(values(w.visible)), quantilesOf(values(w.done)), len(w.open)
}

func values(m map[string]time.Duration) (all []time.Duration) {
	for _, d := range m {
		all = append(all, d)
	}
	return all
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	N   int     `json:"n"`
}

func quantilesOf(times []time.Duration) *quantiles {
	if len(times) == 0 {
		return nil
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	at := func(q float64) float64 {
		i := int(q * float64(len(times)))
		if i >= len(times) {
			i = len(times) - 1
		}
		return float64(times[i].Microseconds()) / 1000
	}
	return &quantiles{at(0.5), at(0.99), len(times)}
}
