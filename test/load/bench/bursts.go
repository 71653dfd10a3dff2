//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	started "github.com/portolan-io/portolan/test/servers"
)

// A burst is what became of readers of one record at once, several times.
type burst struct {
	what  string
	reads []int // of the database, each time
	last  []time.Duration
	most  int // reads, by the goal; 0 is none

	first func(id string) error // what comes before, each time
}

// How many ask at once, and whom.
const (
	burstReaders   = 500
	burstInstances = 3
)

// bursts has many read what is not kept, over several instances: what nobody has
// read, what was just written, and, with Redis gone, what no instance can share.
func (w *workshop) bursts(ctx context.Context, s settings, h *hall) (_ []burst, err error) {
	c := &crowd{token: h.token, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: burstReaders}, Timeout: startup}}
	defer c.client.CloseIdleConnections()
	dsn, err := h.database.copyOf(ctx, "shop", "bursts") // what the epochs of another Redis are over is not used at once
	if err != nil {
		return nil, err
	}
	server, err := started.StartRedis() //nolint:contextcheck // it runs until Stop
	if err != nil {
		return nil, err
	}
	stop := sync.OnceValue(server.Stop)
	defer func() { err = errors.Join(err, stop()) }()
	var instances group
	defer instances.stop()
	for i := range burstInstances {
		v := variant{binary: w.portolan, Everything: true, DSN: dsn, Redis: server.Address}
		p, err := instances.start(w.serve(ctx, v, "burst-"+strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		c.instances = append(c.instances, p)
	}
	fresh, times := w.ids[len(w.ids)-3*burstTimes:], max(1, min(burstTimes, s.rounds*burstTimes/5))
	if err := c.connect(ctx, w.ids[0]); err != nil {
		return nil, err
	}
	nothing := func(string) error { return nil }
	kept := func(id string) error { return errors.Join(c.connect(ctx, id), c.writeOne(ctx, id)) }
	gone := func(string) error { return stop() }
	all := []burst{
		{what: "which nobody has read", most: 1, first: nothing},
		{what: "which was kept, and then written", most: 1, first: kept},
		{what: "with Redis gone", first: gone}, // as many as follow each other until all have come
	}
	for i := range all {
		for _, id := range fresh[i*burstTimes:][:times] {
			if err := errors.Join(all[i].first(id), c.rush(ctx, id, &all[i])); err != nil {
				return nil, fmt.Errorf("readers of one record, %s: %w", all[i].what, err)
			}
		}
	}
	return all, nil
}

// burstTimes is how often each is done, if there are five rounds.
const burstTimes = 20

// A crowd is clients with connections of their own.
type crowd struct {
	instances []*process
	token     string // as a header line
	client    *http.Client
}

// rush has all read the record at once, and counts what the instances read.
func (c *crowd) rush(ctx context.Context, id string, to *burst) error {
	before, err := c.reads(ctx)
	if err != nil {
		return err
	}
	took, err := c.all(ctx, id)
	if err != nil {
		return err
	}
	after, err := c.reads(ctx)
	to.reads, to.last = append(to.reads, after-before), append(to.last, took)
	return err
}

// connect has everybody read the record, so that connections are there.
func (c *crowd) connect(ctx context.Context, id string) error {
	_, err := c.all(ctx, id)
	return err
}

// all has everybody read the record, and returns how long that took.
func (c *crowd) all(ctx context.Context, id string) (time.Duration, error) {
	var (
		waiting sync.WaitGroup
		begin   = make(chan struct{})
		errs    = make([]error, burstReaders)
	)
	for i := range errs {
		waiting.Go(func() {
			<-begin
			errs[i] = c.send(ctx, http.MethodGet, c.instances[i%len(c.instances)], id, "")
		})
	}
	begun := time.Now()
	close(begin)
	waiting.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) > 0 {
		return 0, fmt.Errorf("%d of %d readers had no answer, the first: %w", len(failed), burstReaders, failed[0])
	}
	return time.Since(begun), nil
}

// writeOne changes the record through one of the instances.
func (c *crowd) writeOne(ctx context.Context, id string) error {
	return c.send(ctx, http.MethodPatch, c.instances[0], id, `{"reviews":1}`)
}

// send sends a request about the record, and reads an answer of success.
func (c *crowd) send(ctx context.Context, method string, to *process, id, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+to.address+"/v1/products/"+id, strings.NewReader(body))
	if err != nil {
		return err
	}
	_, value, _ := strings.Cut(strings.TrimSpace(c.token), ": ")
	request.Header.Set("Authorization", value)
	if body != "" {
		request.Header.Set("Content-Type", "application/merge-patch+json")
		request.Header.Set("If-Match", "*")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", response.Status, said)
	}
	return err
}

// reads returns how often the instances have read products from the database, by
// their metrics.
func (c *crowd) reads(ctx context.Context) (n int, err error) {
	for _, p := range c.instances {
		var metrics bytes.Buffer
		if err := fetch(ctx, p.admin, "/metrics", &metrics); err != nil {
			return 0, err
		}
		for line := range strings.Lines(metrics.String()) {
			if !counts(line) {
				continue
			}
			value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			if err != nil {
				return 0, err
			}
			n += int(value)
		}
	}
	return n, nil
}

// counts reports whether a line of metrics is the number of reads of products.
func counts(line string) bool {
	if !strings.HasPrefix(line, "portolan_operations_total{") || !strings.Contains(line, `collection="products"`) || !strings.Contains(line, `port="repository"`) {
		return false
	}
	return strings.Contains(line, `operation="Get"`) || strings.Contains(line, `operation="Find"`)
}
