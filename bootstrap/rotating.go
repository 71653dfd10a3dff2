package bootstrap

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// rotatesWithin is how long a key is used before its source, which may keep it for a while
// itself, is asked again.
const rotatesWithin = time.Second

// A rotating is a key that may become another one while the server runs. One that would
// have stopped the start does not replace it, and neither does an outage of its source: it
// serves on, for secrets.Outage at most, and the log tells. It is safe for concurrent use.
type rotating struct {
	path  string // of the setting
	ask   secrets.Value
	log   *slog.Logger
	ended bool // what is gone or forbidden ends at once, as a key that is on its way out

	asking sync.Mutex
	mu     sync.RWMutex
	text   string
	read   time.Time // when it was read last
	asked  time.Time // when it was asked for last
	told   time.Time // when the log was
}

// rotate returns the key of the setting as a Value that is asked for on the way of each
// request. It is read once, and an error of that is the start's.
func rotate(ctx context.Context, path string, value secrets.Value, log *slog.Logger) (*rotating, error) {
	r := &rotating{path: path, ask: value, log: log}
	text, err := keyOf(ctx, path, value)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r.text, r.read, r.asked = string(text), now, now
	return r, nil
}

// value is the secrets.Value.
func (r *rotating) value(ctx context.Context) (string, error) {
	now := time.Now()
	r.mu.RLock()
	text, usable, due := r.text, now.Sub(r.read) < secrets.Outage && r.text != "", now.Sub(r.asked) >= rotatesWithin
	r.mu.RUnlock()
	if usable && !due {
		return text, nil
	}
	if !r.asking.TryLock() {
		if usable {
			return text, nil // somebody else asks
		}
		r.asking.Lock()
	}
	defer r.asking.Unlock()
	return r.again(ctx, now, text, usable)
}

// again asks. The caller holds r.asking.
func (r *rotating) again(ctx context.Context, now time.Time, text string, usable bool) (string, error) {
	new, err := r.ask(ctx)
	if err == nil && new != text {
		_, err = keyOf(ctx, r.path, secrets.Fixed(new))
	}
	if ctx.Err() != nil {
		if usable {
			return text, nil
		}
		return "", ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = now
	kind := fault.KindOf(err)
	switch {
	case err == nil:
		r.text, r.read = new, now
		return new, nil
	case r.ended && (kind == fault.NotFound || kind == fault.Forbidden):
		r.text = ""
		return "", err
	case !usable:
		return "", err
	}
	if now.Sub(r.told) >= time.Minute {
		r.told = now
		r.log.Warn("a key cannot be read again, and the one before serves on", "setting", r.path, "error", fault.Of(err).Detail)
	}
	return text, nil
}
