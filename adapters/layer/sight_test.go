package layer

import (
	"context"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
)

// A reading is relied on while both clocks allow it: one stands still while a machine
// sleeps, somebody may put back the other.
func TestReliable(t *testing.T) {
	now := time.Now()
	early, late := now.Add(-time.Millisecond), now.Add(time.Millisecond)
	for _, tt := range []struct {
		name        string
		until, wall time.Time
		want        bool
	}{
		{"before both", late, late.Round(0), true},
		{"at the end of the first", now, late.Round(0), false},
		{"after the first", early, late.Round(0), false},
		{"after the second, as when the machine slept", late, early.Round(0), false},
		{"at the end of the second", late, now.Round(0), false},
		{"never read", time.Time{}, time.Time{}, false},
	} {
		if got := (&sight{until: tt.until, wall: tt.wall}).reliable(now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// A reading ends on both clocks, that of the wall without the other's part.
func TestReadingEndsOnBothClocks(t *testing.T) {
	d := NewDistributed(DistributedConfig{Modes: idleModes{}, Timing: UsualTiming})
	before := time.Now()
	d.polling.Lock()
	now, err := d.readLocked(t.Context())
	d.polling.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	for name, end := range map[string]time.Time{"until": now.until, "wall": now.wall} {
		if end.Before(before.Add(cache.Rely)) || end.After(after.Add(cache.Rely)) {
			t.Errorf("%s is %v after the reading, want %v", name, end.Sub(before), cache.Rely)
		}
	}
	if now.wall != now.wall.Round(0) {
		t.Error("the end on the wall's clock has a part of the other")
	}
}

// idleModes are Idle.
type idleModes struct{ cache.Modes }

func (idleModes) Read(context.Context) (cache.Mode, error) { return cache.Mode{Epoch: "one"}, nil }
