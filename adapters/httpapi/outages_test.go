package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// TestOutagesAreNews shows that each sort of outage is an error of the log once a
// second, and no more.
func TestOutagesAreNews(t *testing.T) {
	o := &outages{told: make(map[string]time.Time)}
	begin := time.Now()
	for _, tt := range []struct {
		code  string
		after time.Duration
		want  bool
	}{
		{"busy", 0, true}, {"busy", 1, false}, {"timeout", 2, true}, {"busy", 999 * time.Millisecond, false},
		{"busy", time.Second, true}, {"busy", 1500 * time.Millisecond, false}, {"timeout", 1500 * time.Millisecond, true},
	} {
		if got := o.news(tt.code, begin.Add(tt.after)); got != tt.want {
			t.Errorf("%s after %s: got %v, want %v", tt.code, tt.after, got, tt.want)
		}
	}
}

// TestOutagesDoNotFlood: each request of an outage has its line, but few of them
// are errors, and the cause is told.
func TestOutagesDoNotFlood(t *testing.T) {
	down := fault.New(fault.Unavailable, "test.Find", "the store does not answer").Coded("store-down").Because(context.DeadlineExceeded)
	f := newFixture(t, nil, finding(func(context.Context) error { return down }))
	begun := time.Now()
	for range 200 {
		if w := f.do(t, "GET", "/v1/products", ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Fatalf("got %d %v", w.Code, w.Header())
		}
	}
	log := f.log.String()
	loud, most := strings.Count(log, `"level":"ERROR"`), int(time.Since(begun)/time.Second)+1
	if all := strings.Count(log, `"code":"store-down"`); all != 200 || loud == 0 || loud > most || !strings.Contains(log, `"cause":`) {
		t.Errorf("%d lines, of which %d are errors, want 200 and 1 to %d", all, loud, most)
	}
}
