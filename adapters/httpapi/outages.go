package httpapi

import (
	"sync"
	"time"
)

// outages keep an outage from flooding the log with errors: while a dependency does
// not answer, every request ends with the same one. It is safe for concurrent use.
type outages struct {
	mu   sync.Mutex
	told map[string]time.Time // by the code of the problem, of which there are few
}

// everySo is how often an outage of one sort is told of as an error.
const everySo = time.Second

// news reports whether the log has not told of an outage of the code within the
// last second.
func (o *outages) news(code string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.told[code]; ok && now.Sub(last) < everySo {
		return false
	}
	o.told[code] = now
	return true
}
