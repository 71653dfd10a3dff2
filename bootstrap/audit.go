package bootstrap

import (
	"context"
	"log/slog"
	"time"

	"github.com/portolan-io/portolan/adapters/audit"
	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An Audit is where it is noted who came in and what they were allowed. Refusals are
// noted in any case.
type Audit struct {
	// The file that takes the lines, each durable before what it speaks of is done if
	// that is required. Without it they are lines of the log, which nothing can be
	// required of.
	File string `yaml:"file"`
	// Which credentials that are good are noted: off is none, on is all, required is
	// all, and none is good that could not be noted. The default is off.
	Authentication string `yaml:"authentication" jsonschema:"enum=off,enum=on,enum=required"`
	// What the pseudonyms of callers and records are keyed with, 32 octets or more,
	// best as secret://name. Without it they are others with each process.
	PseudonymKey secrets.Value `yaml:"pseudonym_key"`
}

// auditOf returns the mode of the name.
func auditOf(name string) core.Audit {
	for _, mode := range []core.Audit{core.AuditOn, core.AuditRequired} {
		if name == mode.String() {
			return mode
		}
	}
	return core.AuditOff
}

// checkAudit notes what has to be noted where nothing can be required.
func (s *settings) checkAudit(found *mistakes) {
	const why = "required needs audit.file: whether a line of the log was kept nobody knows"
	if s.Audit.File != "" {
		return
	}
	required := core.AuditRequired.String()
	if s.Audit.Authentication == required {
		found.add(s.document.name, within(s.document.root, []string{"audit", "authentication"}), "audit.authentication", why)
	}
	for i := range s.Collections {
		if entry := &s.Collections[i]; entry.Value.Audit == required {
			entry.note(found, []string{"audit"}, why)
		}
	}
}

// auditing is where decisions are noted, and what pseudonyms are keyed with.
type auditing struct {
	to  httpapi.AuditLog // nil: the log
	key []byte
}

// openAudit opens the file that the settings name, if they do.
func openAudit(ctx context.Context, s *settings, log *slog.Logger, opened *closers) (*auditing, error) {
	key, err := lentKey(ctx, opened, "audit.pseudonym_key", s.Audit.PseudonymKey)
	if err != nil || s.Audit.File == "" {
		return &auditing{key: key}, err
	}
	used, err := usageOf(opened)
	if err != nil {
		return nil, err
	}
	lately := used.of(auditKey(s))
	to, err := lend(opened, auditKey(s), func(own *closers) (*audit.Log, error) {
		to, err := audit.Open(audit.Config{File: s.Audit.File, Lost: func(lines int, err error) {
			log.Error("lines of the audit log were lost", "lines", lines, "error", err)
		}})
		if err == nil {
			own.addClose(to.Close)
		}
		return to, err
	})
	if err != nil {
		return nil, err
	}
	return &auditing{key: key, to: func(ctx context.Context, line []byte, wait bool) (err error) {
		defer func(begun time.Time) { lately.Note(begun, err) }(time.Now())
		if wait {
			return to.Keep(ctx, line)
		}
		return to.Offer(line)
	}}, nil
}

// auditKey names the file of the audit log among what is open.
func auditKey(s *settings) string { return "audit " + s.Audit.File }
