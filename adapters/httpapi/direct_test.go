package httpapi

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"
)

// TestDirect: what is found without the router is what the router finds, and the
// router is asked about everything that is not plain.
func TestDirect(t *testing.T) {
	s := newFixture(t, nil).Handler.(*site)
	for _, tt := range []struct {
		path   string
		direct bool
	}{
		{"/v1/products", true},
		{"/v1/products/B001", true},
		{"/v1/products/b-0_1", true},
		{"/v1/products/B%30", false},
		{"/v1/products/a.b", false},
		{"/v1/products/..", false},
		{"/v1/products/", false},
		{"/v1/products//", false},
		{"/v1/products/B001/", false},
		{"/v1/products/$query", false},
		{"/v1/jobs/1", false},
		{"/v1/unicorns", false},
		{"/v1/unicorns/1", false},
		{"/v2/products", false},
		{"/livez", false},
		{"/", false},
	} {
		x := &exchange{site: s, r: httptest.NewRequestWithContext(t.Context(), "GET", tt.path, nil), path: tt.path}
		found := x.direct()
		if (found != nil) != tt.direct {
			t.Errorf("%s: found directly: %t, want %t", tt.path, found != nil, tt.direct)
			continue
		}
		if !tt.direct {
			continue
		}
		routed := &exchange{site: s, r: x.r, path: tt.path}
		if err := routed.route(); err != nil || routed.resource != found || routed.collection != x.collection || routed.key != x.key {
			t.Errorf("%s: the router finds %s of %q and %q, %v; directly it is %s of %q and %q", tt.path,
				routed.template(), routed.collection, routed.key, err, found.template, x.collection, x.key)
		}
	}
}

// TestDeadline: it ends as one of the standard library does, whether it is asked
// or waited for, and so do the contexts that are made of it.
func TestDeadline(t *testing.T) {
	soon, late := time.Now().Add(20*time.Millisecond), time.Now().Add(time.Hour)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	brief, stop := context.WithDeadline(t.Context(), soon)
	defer stop()
	for _, tt := range []struct {
		name   string
		parent context.Context //nolint:containedctx // what the table is about
		at     time.Time
		end    bool
		want   error
		time   time.Time
	}{
		{"not yet", t.Context(), late, false, nil, late},
		{"ended", t.Context(), late, true, context.Canceled, late},
		{"over", t.Context(), soon, false, context.DeadlineExceeded, soon},
		{"the parent is done", done, late, false, context.Canceled, late},
		{"the parent's comes first", brief, late, false, context.DeadlineExceeded, soon},
	} {
		for _, waited := range []bool{false, true} {
			d := &deadline{Context: tt.parent, at: tt.at}
			if at, ok := d.Deadline(); !ok || !at.Equal(tt.time) {
				t.Errorf("%s: the deadline is %v, want %v", tt.name, at, tt.time)
			}
			if tt.end {
				d.end()
			}
			if tt.want != nil && waited {
				child, stop := context.WithCancel(d)
				<-child.Done()
				stop()
			}
			time.Sleep(time.Until(soon))
			if tt.parent != t.Context() {
				<-tt.parent.Done() // its timer may be late
			}
			if err := d.Err(); !errors.Is(err, tt.want) {
				t.Errorf("%s, waited for %t: Err = %v, want %v", tt.name, waited, err, tt.want)
			}
			d.end()
			if <-d.Done(); d.Err() == nil {
				t.Errorf("%s: it is done, without an error", tt.name)
			}
		}
	}
}
