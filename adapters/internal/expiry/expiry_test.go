package expiry

import (
	"math"
	"testing"
	"time"
)

// TestOver shows that either clock is enough for something to be over.
func TestOver(t *testing.T) {
	c := NewClock()
	const hour = int64(time.Hour)
	now := End{wall: time.Now().UnixNano(), monotonic: int64(time.Since(c.began))}
	for _, tt := range []struct {
		name string
		end  End
		want bool
	}{
		{"both to come", End{now.wall + hour, now.monotonic + hour}, false},
		{"the wall clock says so", End{now.wall - 1, now.monotonic + hour}, true},
		{"the monotonic clock says so", End{now.wall + hour, now.monotonic - 1}, true},
		{"both say so", End{now.wall - 1, now.monotonic - 1}, true},
		{"at the moment itself", now, true},
		{"a ttl of an hour", c.In(time.Hour), false},
		{"a ttl of nothing", c.In(0), true},
		{"the longest ttl", c.In(math.MaxInt64), false},
	} {
		if got := c.Over(tt.end); got != tt.want {
			t.Errorf("%s: Over = %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestOctets(t *testing.T) {
	for _, end := range []End{{}, {1, 2}, {-1, math.MaxInt64}, NewClock().In(time.Minute)} {
		octets := end.Append([]byte("before"))
		if got := Parse(append(octets, "behind"...)[len("before"):]); got != end || len(octets) != len("before")+Size {
			t.Errorf("the octets of %v, %d of them, are those of %v", end, len(octets)-len("before"), got)
		}
	}
}
