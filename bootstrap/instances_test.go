package bootstrap

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/ports/cache"
)

// What is logged of the mode says who answers from which cache, and why not.
func TestModeLog(t *testing.T) {
	idle, down := cache.Mode{State: cache.Idle, Epoch: "1"}, cache.Mode{State: cache.Down, Epoch: "3"}
	ours, others := cache.Mode{State: cache.On, Epoch: "2", Server: "s"}, cache.Mode{State: cache.On, Epoch: "2"}
	for _, tt := range []struct {
		name     string
		from, to cache.Mode
		want     string
	}{
		{"it begins", idle, ours, "INFO instances answer from the cache that they share"},
		{"another one has begun", idle, others, "WARN another server caches by itself, which is to end"},
		{"it ends", ours, down, "WARN the cache that instances share is not used for now"},
		{"it cannot begin", idle, idle, "WARN the cache that instances share cannot be used"},
		{"it can again", down, idle, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			modeLogger(slog.New(slog.NewTextHandler(&log, nil)))(tt.from, tt.to, "why")
			level, message, _ := strings.Cut(tt.want, " ")
			if got := log.String(); tt.want == "" && got != "" || !strings.Contains(got, "level="+level) && tt.want != "" || !strings.Contains(got, message) {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}
