package layer

import "time"

// health is since when the server answers, and how long it must.
type health struct {
	identity string
	since    time.Time
	flips    int // how often On ended soon after it began
}

// longestHealthy is how long the server must answer at most before it is used
// again, however often it was lost.
const longestHealthy = 5 * time.Minute

// enough reports whether the server with the identity has answered for long
// enough: at once if it was never lost, and for longer each time that it was.
func (h *health) enough(identity string, usual time.Duration) bool {
	if h.flips == 0 {
		return true
	}
	if identity != h.identity || h.since.IsZero() {
		h.identity, h.since = identity, time.Now()
	}
	return time.Since(h.since) >= min(usual<<(min(h.flips, 16)-1), max(usual, longestHealthy))
}

// ended notes that On ended, which lasted so long.
func (h *health) ended(lasted, usual time.Duration) {
	if lasted > 20*usual {
		h.flips = 0
	}
	h.flips++
	h.since = time.Time{}
}
