package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// An accessLog writes one record for each exchange. No record holds a query, a
// header but the request's id, a body, an id of a record or a sentence of an
// error: these are the caller's, and may be personal or secret.
type accessLog struct {
	log     *slog.Logger
	key     []byte // of the pseudonyms
	traceID func(context.Context) string
	level   slog.Level // of what went well
}

func newAccessLog(cfg Config) accessLog {
	l := accessLog{log: cfg.Log, key: cfg.LogKey, traceID: cfg.TraceID}
	if l.log == nil {
		l.log = slog.Default()
	}
	if len(l.key) == 0 {
		l.key = make([]byte, sha256.Size)
		rand.Read(l.key) // never fails
	}
	if l.traceID == nil {
		l.traceID = func(context.Context) string { return "" }
	}
	return l
}

// write tells of an exchange that is over, and of the error that it ended with.
func (l accessLog) write(x *exchange, err error) {
	ctx := x.r.Context()
	level := l.levelOf(x)
	if !l.log.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("method", methodLabel(x.r.Method)),
		slog.String("route", x.template()),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Float64("duration_ms", float64(time.Since(x.begun).Microseconds())/1000),
		slog.String("request_id", x.id),
	)
	if collection := x.op().Collection; collection != "" {
		attrs = append(attrs, slog.String("collection", collection))
	}
	if trace := l.traceID(ctx); trace != "" {
		attrs = append(attrs, slog.String("trace_id", trace))
	}
	if x.who.Known() {
		attrs = append(attrs, slog.Any("principal", principalName{l.key, x.who}))
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
	l.log.LogAttrs(ctx, level, "request", attrs...)
}

// levelOf returns how loud an answer is: what the operator must mend is an error,
// what may be an attack is a warning. A probe that is told not to send requests
// now is neither.
func (l accessLog) levelOf(x *exchange) slog.Level {
	status := x.status
	switch {
	case x.template() == readyPath:
		return l.level
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return slog.LevelWarn
	}
	return l.level
}

// A principalName is what the log calls a principal: a pseudonym, the same for
// all its requests, that names it only to who has the key and knows it.
type principalName struct {
	key []byte
	who policy.Principal
}

// LogValue returns the pseudonym.
func (n principalName) LogValue() slog.Value {
	h := hmac.New(sha256.New, n.key)
	h.Write([]byte(n.who.Issuer))
	h.Write([]byte{0})
	h.Write([]byte(n.who.Subject))
	return slog.StringValue(hex.EncodeToString(h.Sum(nil)[:8]))
}
