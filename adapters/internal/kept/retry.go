package kept

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter returns how long an answer of HTTP asks to be left alone, 0 if it does not
// say. A date in it is counted from the answer's own, so that the clocks need not agree.
func RetryAfter(header http.Header) time.Duration {
	said := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(said); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 86_400)) * time.Second
	}
	until, err := http.ParseTime(said)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(sent), 0)
}
