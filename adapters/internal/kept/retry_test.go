package kept_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/kept"
)

func TestRetryAfter(t *testing.T) {
	const sent = "Mon, 02 Jan 2006 15:04:05 GMT" // by a clock that is years off
	for _, tt := range []struct {
		name, after, date string
		want              time.Duration
	}{
		{"none", "", sent, 0},
		{"seconds", "7", "", 7 * time.Second},
		{"a date", "Mon, 02 Jan 2006 15:04:35 GMT", sent, 30 * time.Second},
		{"a date before", "Mon, 02 Jan 2006 15:03:35 GMT", sent, 0},
		{"a date of nothing", "Mon, 02 Jan 2006 15:04:35 GMT", "", 0},
		{"negative", "-7", sent, 0},
		{"far", "99999999999", sent, 24 * time.Hour},
		{"words", "soon", sent, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{"Retry-After": {tt.after}, "Date": {tt.date}}
			if got := kept.RetryAfter(header); got != tt.want {
				t.Errorf("RetryAfter = %v, want %v", got, tt.want)
			}
		})
	}
}
