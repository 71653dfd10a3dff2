package appinsights

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/adapters/internal/spans"
)

// messageData is a line of a log, which Application Insights calls a trace.
type messageData struct {
	Version    int               `json:"ver"`
	Message    string            `json:"message"`
	Severity   string            `json:"severityLevel"`
	Properties map[string]string `json:"properties,omitempty"`
}

// longestMessage is the longest line that the endpoint takes.
const longestMessage = 32768

// A log is a slog.Handler whose lines are sent. It is safe for concurrent use.
type log struct {
	*envelopes
	queue  *spans.Queue[envelope]
	tags   map[string]string // who we are
	attrs  []slog.Attr       // of every line
	prefix string            // of the names of attributes, of the groups that are open
}

func newLog(e *envelopes, who *resource.Resource, s *sender, bounds spans.Bounds, failed func(error)) *log {
	send := func(ctx context.Context, batch []envelope) error {
		refused, err := s.send(ctx, batch)
		if len(refused) == 0 {
			return nil
		}
		return &spans.Lost{Items: len(refused), Cause: err}
	}
	return &log{envelopes: e, tags: e.tags(who), queue: spans.NewQueue(bounds, send, failed)}
}

// Enabled reports whether lines of the level are sent, which is of all that are written.
func (l *log) Enabled(context.Context, slog.Level) bool { return true }

// Handle queues a line. Of a trace that is not recorded it does so only if it is a warning or
// an error.
func (l *log) Handle(ctx context.Context, line slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	rate := l.rate
	switch {
	case line.Level >= slog.LevelWarn || !span.IsValid():
		rate = 100 // each stands for itself
	case !span.IsSampled():
		return nil
	}
	tags := make(map[string]string, len(l.tags)+2)
	for key, value := range l.tags {
		tags[key] = value
	}
	if span.IsValid() {
		tags["ai.operation.id"], tags["ai.operation.parentId"] = span.TraceID().String(), span.SpanID().String()
	}
	properties := make(map[string]string, line.NumAttrs()+len(l.attrs))
	for _, a := range l.attrs {
		l.put(properties, "", a)
	}
	line.Attrs(func(a slog.Attr) bool {
		l.put(properties, l.prefix, a)
		return true
	})
	l.queue.Put(envelope{
		Name: "Microsoft.ApplicationInsights.Message", Time: timestamp(line.Time), SampleRate: rate, Key: l.key, Tags: tags,
		Data: data{"MessageData", messageData{2, cut(line.Message, longestMessage), severity(line.Level), properties}},
	})
	return nil
}

// texts are the attributes that say in words what went wrong, which stay in the log of the
// server: an error is told by its code.
var texts = map[string]bool{"cause": true, "error": true, "err": true}

// put adds an attribute under its name.
func (l *log) put(properties map[string]string, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, inner := range value.Group() {
			l.put(properties, prefix+a.Key+".", inner)
		}
		return
	}
	if _, isError := value.Any().(error); a.Key != "" && !texts[a.Key] && !isError {
		properties[prefix+a.Key] = cut(value.String(), longestProperty)
	}
}

// WithAttrs returns a log whose lines all have the attributes.
func (l *log) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *l
	other.attrs = l.attrs[:len(l.attrs):len(l.attrs)]
	for _, a := range attrs {
		a.Key = l.prefix + a.Key
		other.attrs = append(other.attrs, a)
	}
	return &other
}

// WithGroup returns a log whose lines have further attributes under the name.
func (l *log) WithGroup(name string) slog.Handler {
	other := *l
	other.prefix = l.prefix + name + "."
	return &other
}

func severity(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "Error"
	case level >= slog.LevelWarn:
		return "Warning"
	case level >= slog.LevelInfo:
		return "Information"
	}
	return "Verbose"
}

// Log returns what is to be told of every line of the log, or nil if lines are not sent.
func (o *Observer) Log() slog.Handler {
	if o.log == nil {
		return nil
	}
	return o.log
}

// Close delivers what is still held, spans, measurements and lines at once, for as long as ctx
// allows. What it returns says only that something was lost.
func (o *Observer) Close(ctx context.Context) error {
	if o.log == nil {
		return o.Observer.Close(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- o.log.queue.Shutdown(ctx) }()
	return errors.Join(o.Observer.Close(ctx), <-ended)
}
