package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
)

// An AuditLog takes the lines of the audit log, each a JSON object and a line end. With
// wait it returns when the line is durable; without, at once. It is safe for concurrent
// use.
type AuditLog func(ctx context.Context, line []byte, wait bool) error

// An auditor notes who came in, and what was decided about what they asked for. A line
// holds names that are ours, and pseudonyms: nothing in it is a caller's text.
type auditor struct {
	api            *core.API
	to             AuditLog // nil: the log
	log            slog.Handler
	names          *pseudonyms
	authentication core.Audit
	collections    map[string]core.Audit
}

func newAuditor(cfg Config, log accessLog) *auditor {
	a := &auditor{
		api: cfg.API, to: cfg.Audit, log: log.log, names: log.names,
		authentication: cfg.AuditAuthentication, collections: make(map[string]core.Audit),
	}
	if cfg.API != nil {
		for _, served := range cfg.API.Served() {
			a.collections[served.Schema.Name] = served.Audit
		}
	}
	return a
}

// What operations do, as lines of the audit log have it.
const (
	actsRead   = "read"
	actsCreate = "create"
	actsPut    = "put" // is noted as create or update
	actsUpdate = "update"
	actsDelete = "delete"
	actsImport = "import"
)

// The events of the audit log.
const (
	eventIdentity = "authentication"
	eventRight    = "authorization"
)

// action returns what the exchange does, as it is noted.
func (x *exchange) action() string {
	op, _ := x.resource.operation(x.r.Method)
	if op.acts != actsPut {
		return op.acts
	}
	if cond, err := conditionOf(x.r); err == nil && cond.Absent {
		return actsCreate
	}
	return actsUpdate
}

// enters does an operation that nobody has to be known for. If it is one that decides
// whether somebody comes in that is noted: what comes of it may be an account, a login or a
// password, which cannot be taken back. Where that has to be noted it is so before, as
// pending; in any case what came of it is behind.
func (a *auditor) enters(x *exchange, op operation) error {
	if !op.enters {
		return op.serve(x)
	}
	if a.authentication == core.AuditRequired {
		if err := a.keep(x, a.line(x, decided{event: eventIdentity, decision: pending}), a.authentication); err != nil {
			return err
		}
	}
	err := op.serve(x)
	switch kind := fault.KindOf(err); {
	case kind == fault.Unauthenticated, kind == fault.Forbidden, err != nil && a.authentication == core.AuditRequired:
		a.note(x, eventIdentity, err)
	case err == nil && a.authentication != core.AuditOff:
		_ = a.keep(x, a.line(x, decided{event: eventIdentity, decision: granted}), core.AuditOn) // which has no error
	}
	return err
}

// identified notes that a credential says who asks, or does not, or is not taken in the
// way that it comes. Its error is that it could not be noted and has to be.
func (a *auditor) identified(x *exchange, err error) error {
	switch kind := fault.KindOf(err); {
	case kind == fault.Unauthenticated, kind == fault.Forbidden:
		a.note(x, eventIdentity, err)
	case err == nil && x.who.Known() && a.authentication != core.AuditOff:
		return a.granted(x, eventIdentity, a.authentication)
	}
	return err
}

// allowed notes what the caller may do before it is done, if the collection wants that.
// Who may not is refused by the operation itself, and noted then.
func (a *auditor) allowed(x *exchange) error {
	mode := a.collections[x.collection]
	if mode == core.AuditOff {
		return nil
	}
	action := x.action()
	if action == "" || a.may(x, action) != nil {
		return nil
	}
	return a.granted(x, eventRight, mode)
}

// related notes, if that is wanted, that related records of the collection are read for
// the exchange. Its error is that it could not be noted and has to be.
func (x *exchange) related(collection string) error {
	a := x.site.audit
	mode := a.collections[collection]
	if mode == core.AuditOff {
		return nil
	}
	return a.keep(x, a.line(x, decided{event: eventRight, decision: granted, collection: collection}), mode)
}

// may is the gate that the operation passes.
func (a *auditor) may(x *exchange, action string) error {
	if action == actsImport {
		return a.api.MayImport(x.r.Context(), x.who, x.collection)
	}
	for _, each := range policy.Actions {
		if each.String() == action {
			return a.api.May(x.r.Context(), x.who, x.collection, each)
		}
	}
	return nil
}

// refused notes that the exchange ended with the caller's being refused, if it did.
func (a *auditor) refused(x *exchange, err error) {
	if kind := fault.KindOf(err); x.judged && (kind == fault.Unauthenticated || kind == fault.Forbidden) {
		a.note(x, eventRight, err)
	}
}

// granted notes a decision for the caller. Where it has to be noted it is durable then;
// else nothing may be done.
func (a *auditor) granted(x *exchange, event string, mode core.Audit) error {
	return a.keep(x, a.line(x, decided{event: event, decision: granted, collection: x.collection}), mode)
}

// keep hands over the line of a decision for the caller.
func (a *auditor) keep(x *exchange, line slog.Record, mode core.Audit) error {
	err := a.take(x.r.Context(), line, mode == core.AuditRequired)
	switch {
	case err == nil:
		return nil
	case mode != core.AuditRequired:
		a.undelivered(line, err)
		return nil
	}
	return fault.New(fault.Unavailable, "httpapi.audit", "what is asked for cannot be noted now, and so it was not done").
		Coded(codeUnaudited).Hinting("send it again in a while").Because(err)
}

// codeUnaudited is the code of what is not done because it could not be noted.
const codeUnaudited = "audit-unavailable"

// note notes a refusal, which nobody waits for.
func (a *auditor) note(x *exchange, event string, refusal error) {
	line := a.line(x, decided{event: event, decision: refused, collection: x.collection, code: fault.Of(refusal).Code})
	if err := a.take(x.r.Context(), line, false); err != nil {
		a.undelivered(line, err)
	}
}

// undelivered puts the line among those of the process, so that it is not lost without
// a word.
func (a *auditor) undelivered(line slog.Record, cause error) {
	line.Level = slog.LevelError
	line.AddAttrs(slog.String("cause", cause.Error()))
	_ = a.log.Handle(context.Background(), line)
}

// take hands the line to the audit log, or to the log if there is none, whatever its
// level: it is not for who wants to hear less.
func (a *auditor) take(ctx context.Context, line slog.Record, wait bool) error {
	if a.to == nil {
		return a.log.Handle(ctx, line)
	}
	var text bytes.Buffer
	if err := slog.NewJSONHandler(&text, nil).Handle(ctx, line); err != nil {
		return err
	}
	return a.to(ctx, text.Bytes(), wait)
}

// The decisions of the audit log. One that is pending is followed by what came of it.
const (
	granted = "granted"
	refused = "refused"
	pending = "pending"
)

// A decided is what a line tells of beside the exchange.
type decided struct {
	event, decision, code string
	collection            string // of another one than that of the path no record is named
}

// line returns a line.
func (a *auditor) line(x *exchange, n decided) slog.Record {
	level := slog.LevelInfo
	if n.decision == refused {
		level = slog.LevelWarn
	}
	line := slog.NewRecord(time.Now().UTC(), level, "audit", 0) // where in the source it was written says nothing
	line.AddAttrs(
		slog.String("event", n.event), slog.String("decision", n.decision), slog.String("request_id", x.id),
		slog.String("method", methodLabel(x.r.Method)), slog.String("route", x.template()),
	)
	add := func(name, value string) {
		if value != "" {
			line.AddAttrs(slog.String(name, value))
		}
	}
	if x.who.Known() {
		add("principal", a.names.of(x.who))
	}
	if n.event == eventRight {
		add("action", x.action())
		if x.site.collections[n.collection] {
			add("collection", n.collection)
			if x.key != "" && n.collection == x.collection {
				add("record", a.names.record(n.collection, x.key))
			}
		}
	}
	add("code", n.code)
	return line
}
