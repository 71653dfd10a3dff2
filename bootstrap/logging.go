package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// logTo is where logs go.
type logTo struct{ io.Writer }

// newLog returns the log that the settings ask for. JSON is in the shape that the
// observability service of the telemetry reads, if a driver knows one.
func newLog(s *settings, to logTo) *slog.Logger {
	return slog.New(&teeing{Handler: newHandler(s, to), also: &atomic.Pointer[slog.Handler]{}})
}

// A teeing handler writes the log, and tells another one of its lines too, once there is one.
type teeing struct {
	slog.Handler
	also *atomic.Pointer[slog.Handler]
	with []func(slog.Handler) slog.Handler // what makes the other one say what this one says of every line
}

// Handle writes the line; whether the other took it is no matter of the log's.
func (t *teeing) Handle(ctx context.Context, line slog.Record) error {
	if also := t.also.Load(); also != nil {
		other := *also
		for _, with := range t.with {
			other = with(other)
		}
		_ = other.Handle(ctx, line.Clone())
	}
	return t.Handler.Handle(ctx, line)
}

// WithAttrs returns a handler that says the attributes of every line, as the other one does.
func (t *teeing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return t.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup returns a handler that has the attributes of every line in a group, as the other
// one does.
func (t *teeing) WithGroup(name string) slog.Handler {
	return t.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (t *teeing) and(with func(slog.Handler) slog.Handler) slog.Handler {
	return &teeing{Handler: with(t.Handler), also: t.also, with: append(t.with[:len(t.with):len(t.with)], with)}
}

// tee has the log tell the handler too.
func tee(log *slog.Logger, to slog.Handler) {
	if t, ok := log.Handler().(*teeing); ok {
		t.also.Store(&to)
	}
}

func newHandler(s *settings, to logTo) slog.Handler {
	var level slog.Level
	if level.UnmarshalText([]byte(s.Service.LogLevel)) != nil {
		level = slog.LevelInfo // LogLevel is one of those that UnmarshalText knows
	}
	options := &slog.HandlerOptions{Level: level}
	if s.Service.Log == "text" {
		return slog.NewTextHandler(to, options)
	}
	for _, driver := range s.telemetry {
		if shaping, ok := driver.settings.Interface().(interface {
			Log(to io.Writer, level slog.Level) slog.Handler
		}); ok {
			return shaping.Log(to, level)
		}
	}
	return slog.NewJSONHandler(to, options)
}
