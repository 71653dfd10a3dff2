package appinsights

import (
	"context"
	"time"
)

// A Sender is what posts, with the pauses that it makes told to a function.
type Sender struct{ *sender }

// NewSender returns a sender that pauses by calling the function.
func NewSender(connectionString string, pause func(time.Duration) error) (Sender, error) {
	to, err := parse(connectionString)
	if err != nil {
		return Sender{}, err
	}
	s, err := newSender(to, Config{})
	if err != nil {
		return Sender{}, err
	}
	s.sleep = func(_ context.Context, d time.Duration) error { return pause(d) }
	return Sender{s}, nil
}

// Send sends items with the names, and returns those that were not taken.
func (s Sender) Send(ctx context.Context, names ...string) (lost []string, err error) {
	var all []envelope
	for _, name := range names {
		all = append(all, envelope{Name: name})
	}
	refused, err := s.send(ctx, all)
	for _, item := range refused {
		lost = append(lost, item.Name)
	}
	return lost, err
}

// Track returns where a connection string leads, and the scope of its tokens.
func Track(connectionString string) (track, scope string, err error) {
	to, err := parse(connectionString)
	return to.track, to.scope, err
}

// Duration is how durations are written.
func Duration(d time.Duration) string { return duration(d) }
