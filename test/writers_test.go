package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestManyWriters has 50 clients count up one record, each by what it read and with
// If-Match. No count is lost, and a client that came too late is told so and changes
// neither the record nor its tag. PORTOLAN_TEST_WRITES asks for so many counts by each
// instead of the short form.
func TestManyWriters(t *testing.T) {
	const writers = 50
	each := 4
	if text := os.Getenv("PORTOLAN_TEST_WRITES"); text != "" {
		var err error
		if each, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	stores := append(durable(), kept{"memory", func(*testing.T) string { return "repository: {driver: memory}" }})
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			line := store.repository(t)
			if line == "" {
				line = fmt.Sprintf("repository: {driver: sqlite, sqlite: {path: %q, synchronous: normal}}", filepath.Join(t.TempDir(), "counts.db"))
			}
			dir := t.TempDir()
			config := write(t, dir, "c.yaml", "service: {listen: \"127.0.0.1:${PORT}\", admin: \"off\", log_level: error, drain_delay: 0s}\n"+line+"\n"+things)
			record := serve(t, dir, config) + "/v1/things/one"
			ask(t, http.MethodPut, record, `{"batch":0,"text":"count"}`, http.StatusCreated)
			var counted, late atomic.Int64
			var running sync.WaitGroup
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
			for range writers {
				running.Go(func() {
					for done := 0; done < each; {
						status, err := countUp(client, record)
						switch {
						case err != nil:
							t.Error(err)
							return
						case status == http.StatusOK:
							done++
							counted.Add(1)
						case status == http.StatusPreconditionFailed:
							late.Add(1)
						default:
							t.Errorf("a count is answered %d", status)
							return
						}
					}
				})
			}
			running.Wait()
			before, head := ask(t, http.MethodGet, record, "", http.StatusOK)
			ask(t, http.MethodPut, record, `{"batch":-1}`, http.StatusPreconditionFailed, "If-Match", `"old.0"`)
			after, again := ask(t, http.MethodGet, record, "", http.StatusOK)
			if before != after || head.Get("ETag") != again.Get("ETag") {
				t.Errorf("after a PUT that was refused the record is %s %s, want %s %s", after, again.Get("ETag"), before, head.Get("ETag"))
			}
			if want := fmt.Sprintf(`"batch":%d,`, counted.Load()); !strings.Contains(after, want) || counted.Load() != int64(writers*each) {
				t.Errorf("the record is %s after %d counts, want %s and %d", after, counted.Load(), want, writers*each)
			}
			if late.Load() == 0 {
				t.Error("nobody came too late: the test proves too little")
			}
			t.Logf("%d writers: %d counts; %d came too late", writers, counted.Load(), late.Load())
		})
	}
}

// countUp reads the record, writes it with one more, and returns the status of that.
func countUp(client *http.Client, record string) (int, error) {
	response, err := client.Get(record)
	if err != nil {
		return 0, err
	}
	var read struct{ Batch int }
	err = json.NewDecoder(response.Body).Decode(&read)
	response.Body.Close()
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(http.MethodPut, record, strings.NewReader(fmt.Sprintf(`{"batch":%d,"text":"count"}`, read.Batch+1)))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("If-Match", response.Header.Get("ETag"))
	if response, err = client.Do(request); err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}
