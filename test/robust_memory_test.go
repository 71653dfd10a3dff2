package test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bounds of the heap above what the idle server has, in octets. They are generous:
// a body is 4 MiB and is held as it came, as values and as it is stored; a page
// is 4 MiB and is held as rows, as a body and, compressed, as an answer. 32 of
// them at once are well below what a leak of one copy for each request would come to.
const (
	bodiesBound = 1 << 30
	pagesBound  = 768 << 20
)

// TestMemoryIsBounded sends 32 of the largest bodies at once, and asks 32 times at
// once for the largest pages, again and again: the heap stays within bounds, and
// is given back.
func TestMemoryIsBounded(t *testing.T) {
	h := host(t, "", "")
	idle := heap()
	record := fmt.Sprintf(`{"batch":1,"text":%q}`, strings.Repeat("m", 20_000))
	body := func(prefix string) []byte {
		var items []string
		for i := range 190 {
			items = append(items, fmt.Sprintf(`{"id":"%s-%d",`, prefix, i)+record[1:])
		}
		return []byte("[" + strings.Join(items, ",") + "]")
	}
	bodies := make([][]byte, 32)
	for i := range bodies {
		bodies[i] = body(fmt.Sprint("m", i))
	}
	idle += uint64(len(bodies) * len(bodies[0])) // which are the test's own
	peak := watchHeap(func() {
		together(32, func(i int) {
			got, err := h.do(t.Context(), http.MethodPost, "/v1/things", bodies[i], "Prefer", "return=minimal")
			if err != nil || got.status != http.StatusNoContent {
				t.Errorf("got %d %.300s, %v", got.status, got.body, err)
			}
		})
	})
	bounded(t, "32 bodies of 3.8 MB", peak-min(peak, idle), bodiesBound)
	for _, accept := range []string{"identity", "gzip", "zstd"} {
		peak := watchHeap(func() {
			for range 3 {
				together(32, func(int) { h.readPast("/v1/things?$first=1000", accept) })
			}
		})
		bounded(t, "32 pages in "+accept, peak-min(peak, idle), pagesBound)
	}
	clear(bodies)
	h.settled()
	h.eventually("the memory is given back", func() bool {
		runtime.GC()
		return heap() < idle+128<<20
	})
}

// readPast reads an answer without keeping it.
func (h *hosted) readPast(path, accept string) {
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		h.t.Error(err)
		return
	}
	request.Header.Set("Accept-Encoding", accept)
	response, err := h.client.Do(request)
	if err != nil {
		h.t.Error(err)
		return
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK || n == 0 {
		h.t.Errorf("%s in %s: got %d with %d octets, %v", path, accept, response.StatusCode, n, err)
	}
}

// together calls do n times at once.
func together(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

// heap returns how many octets of the heap are in use or not swept yet.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// watchHeap returns the most that the heap has while do runs.
func watchHeap(do func()) (peak uint64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		peak = max(peak, heap())
		select {
		case <-done:
			return peak
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func bounded(t *testing.T, what string, octets, most uint64) {
	t.Helper()
	if octets > most {
		t.Errorf("%s: the heap grew by %d MiB, want at most %d", what, octets>>20, most>>20)
	}
	t.Logf("%s: the heap grew by %d MiB", what, octets>>20)
}
