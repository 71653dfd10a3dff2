package bootstrap

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestGrowth(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		inUse uint64
		held  int
		want  int
	}{
		{0, 0, 100}, {0, 64 * mb, 100}, {20 * mb, 0, 100}, {40 * mb, 20 * mb, 50}, {80 * mb, 64 * mb, 20},
		{64 * mb, 64 * mb, 18}, {10 * mb, 64 * mb, 100}, {1024 * mb, 1024 * mb, leastGrowth}, {1024 * mb, 64 * mb, 93}, {1 << 40, 1 << 39, 50},
	} {
		if got := growth(tt.inUse, tt.held); got != tt.want {
			t.Errorf("with %d octets in use, %d of them held, the growth is %d, want %d", tt.inUse, tt.held, got, tt.want)
		}
	}
}

// percent returns what the collector goes by now.
func percent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestSparing shows that the growth follows what is held, and is as it was in the
// end.
func TestSparing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	before := percent()
	kept := make([]byte, 8*leastRoom)
	runtime.GC()
	end := sparing(t.Context(), func() (items, octets int) { return 1, len(kept) }, time.Millisecond, variables(nil))
	for percent() > before/2 { // the test's own time limit ends this
		time.Sleep(time.Millisecond)
	}
	end()
	runtime.KeepAlive(kept)
	if got := percent(); got != before {
		t.Errorf("in the end the growth is %d, want %d", got, before)
	}
}

// TestNotSparing shows that what is said in the environment is left alone.
func TestNotSparing(t *testing.T) {
	all := func() (items, octets int) { panic("nobody asks") }
	for name, value := range map[string]string{"GOGC": "50", "GOMEMLIMIT": "1GiB"} {
		end := sparing(t.Context(), all, time.Nanosecond, variables(map[string]string{name: value}))
		time.Sleep(time.Millisecond)
		end()
	}
	sparing(t.Context(), nil, time.Nanosecond, variables(nil))()
}

// TestLeastRoom shows that the heap of a server that holds little may grow by more
// than it holds, with a cache and without one.
func TestLeastRoom(t *testing.T) {
	for name, held := range map[string]func() (items, octets int){
		"no cache": nil, "an empty cache": func() (items, octets int) { return 0, 0 },
	} {
		runtime.GC()
		before := goal()
		end := sparing(t.Context(), held, time.Hour, variables(nil))
		runtime.GC()
		if got := goal(); got < before+leastRoom {
			t.Errorf("%s: the heap may grow to %d octets, where it could grow to %d before", name, got, before)
		}
		end()
	}
}

// goal returns to how many octets the heap may grow before it is collected.
func goal() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
