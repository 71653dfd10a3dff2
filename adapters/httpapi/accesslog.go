package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/portolan-io/portolan/core/fault"
)

// An accessLog writes one record for each exchange. No record holds a query, a
// header but the request's id, a body, an id of a record or a sentence of an
// error: these are the caller's, and may be personal or secret.
type accessLog struct {
	outages *outages
	log     slog.Handler
	names   *pseudonyms
	traceID func(context.Context) string
	span    func(context.Context) (string, bool)
	level   slog.Level // of what went well
}

func newAccessLog(cfg Config) accessLog {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if len(cfg.LogKey) == 0 {
		cfg.LogKey = make([]byte, sha256.Size)
		rand.Read(cfg.LogKey) // never fails
	}
	l := accessLog{outages: &outages{told: make(map[string]time.Time)}, log: cfg.Log.Handler(), names: newPseudonyms(cfg.LogKey), traceID: cfg.TraceID, span: cfg.Span}
	if l.traceID == nil {
		l.traceID = func(context.Context) string { return "" }
	}
	if l.span == nil {
		l.span = func(context.Context) (string, bool) { return "", false }
	}
	return l
}

// write tells of an exchange that is over, and of the error that it ended with.
func (l accessLog) write(x *exchange, err error) {
	ctx := x.r.Context()
	level := l.levelOf(x, err)
	if !l.log.Enabled(ctx, level) {
		return
	}
	now := time.Now()
	var room [14]slog.Attr
	attrs := append(room[:0],
		slog.String("method", methodLabel(x.r.Method)),
		slog.String("route", x.template()),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Float64("duration_ms", float64(now.Sub(x.begun).Microseconds())/1000),
		slog.String("request_id", x.id),
	)
	if x.site.collections[x.collection] {
		attrs = append(attrs, slog.String("collection", x.collection))
	}
	if trace := l.traceID(ctx); trace != "" {
		attrs = append(attrs, slog.String("trace_id", trace))
		if id, recorded := l.span(ctx); id != "" {
			attrs = append(attrs, slog.String("span_id", id), slog.Bool("trace_sampled", recorded))
		}
	}
	if x.who.Known() {
		attrs = append(attrs, slog.String("principal", l.names.of(x.who)))
	}
	if err != nil {
		f := fault.Of(err)
		attrs = append(attrs, slog.String("code", f.Code))
		if level == slog.LevelError {
			attrs = append(attrs, slog.String("op", f.Op))
			if f.Cause != nil {
				attrs = append(attrs, slog.String("cause", f.Cause.Error()))
			}
		}
	}
	line := slog.NewRecord(now, level, "request", 0) // where in the source it was written says nothing
	line.AddAttrs(attrs...)
	_ = l.log.Handle(ctx, line) // a log that cannot be written must not end what it tells of
}

// levelOf returns how loud an answer is: what the operator must mend is an error,
// what may be an attack is a warning. A probe that is told not to send requests
// now is neither, nor is who wants only what is cached, and an outage is an error once a second: all that ends with the
// same meanwhile is logged as what went well is.
func (l accessLog) levelOf(x *exchange, err error) slog.Level {
	status := x.status
	switch {
	case x.template() == readyPath, status == http.StatusGatewayTimeout:
		return l.level
	case status == http.StatusServiceUnavailable && err != nil && !l.outages.news(fault.Of(err).Code, time.Now()):
		return l.level
	case status >= http.StatusInternalServerError, errors.Is(err, fault.Internal): // also of a write that is refused for what is damaged
		return slog.LevelError
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return slog.LevelWarn
	}
	return l.level
}
