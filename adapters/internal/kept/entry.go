package kept

import (
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An entry is what is known of a secret.
type entry struct {
	known   bool // it was read once
	value   string
	at      time.Time // when it was asked for
	failing bool      // it could not be read again since
	reading *reading  // nil if nobody reads it
}

// A reading is a question to the store under way. Its results are there when it is done.
type reading struct {
	began time.Time
	done  chan struct{}
	value string
	err   error
}

// end notes what was read, and tells those who wait. What is gone or forbidden is
// forgotten at once; while the store fails, what was read before stays.
func (s *Source) end(ref secrets.Ref, e *entry, value string, err error) {
	s.mu.Lock()
	now := s.cfg.Now()
	read := e.reading
	e.reading = nil
	var serving error
	switch {
	case err == nil:
		*e = entry{known: true, value: value, at: read.began}
	case fault.KindOf(err) != fault.Unavailable:
		*e = entry{}
		delete(s.entries, ref)
	default:
		s.failure, s.resting = err, now.Add(min(max(rest, asked(err)), maxRest))
		if e.failing = true; e.known && now.Sub(e.at) < secrets.Outage {
			value, serving = e.value, err
			err = nil
			break
		}
		*e = entry{}
		delete(s.entries, ref)
	}
	if serving != nil && now.Sub(s.told) < secrets.Fresh {
		serving = nil // it was told
	}
	if serving != nil {
		s.told = now
	}
	read.value, read.err = value, err
	s.mu.Unlock()
	close(read.done)
	if serving != nil {
		s.cfg.Failed(serving)
	}
}
