// Package httpapi serves core.API over HTTP. Start at [New], then routes.go:
// what a request passes on its way is in wrap.go, from the outside in.
//
// Nothing here decides who may do what, or what a query means: that is core's.
// This package reads requests strictly, and writes what core answers.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// Config is what the public handler is made from. API is required.
type Config struct {
	API *core.API

	// Identify returns who presents a credential. It is asked only if there is
	// one; nil refuses every credential.
	Identify func(ctx context.Context, c auth.Credential) (policy.Principal, error)

	// Accounts are who logs in here, whose tokens Identify knows; nil is nobody.
	// Loopback says that only this machine reaches the listener: then passwords and
	// cookies are taken without TLS too.
	Accounts Accounts
	Loopback bool

	// Providers are where people sign in for an account of theirs, by the names that are
	// in paths. They need Accounts.
	Providers map[string]Provider

	// Documented is what the OpenAPI document has although it is not here: a document can
	// be made where nobody logs in.
	Documented Auth

	// KeySet returns the keys that verify our tokens; nil publishes none.
	KeySet func(ctx context.Context) ([]byte, error)

	Observer telemetry.Observer // nil observes nothing
	Log      *slog.Logger       // nil is slog.Default
	Audit    AuditLog           // nil is Log, whatever its level
	LogKey   []byte             // keys the pseudonyms of principals in the log; empty is a key that lives as long as the process
	Base     string             // path before the collections, "/v1"
	Docs     string             // where /docs and /openapi.json are: public, admin or off; empty is off

	Ready   func(ctx context.Context) error // nil error: everything that is needed answers; nil is always ready
	MaxBody int64                           // octets of a body, before and after decompression; 0 means 4 MiB
	Uploads *core.Uploads                   // imports that clients send; nil takes none
	Stall   time.Duration                   // how long an import may pause while it arrives; 0 means 10 s
	Timeout time.Duration                   // of an ordinary request; 0 means 30 s. What a client may take to send is http.Server.ReadTimeout

	// AuditAuthentication says of which credentials that are good a line is noted;
	// of those that are not it is in any case.
	AuditAuthentication core.Audit

	Limits *core.Limits // how much callers may ask; nil is as much as they like

	CORS *CORS // which pages of other origins may read answers; nil is none

	// TrustedProxies are the addresses whose X-Forwarded-For and
	// X-Forwarded-Proto are believed.
	TrustedProxies []netip.Prefix

	TraceID func(context.Context) string                                           // the trace of a request, for the log; may be nil
	Span    func(context.Context) (id string, recorded bool)                       // the span of a request, for the log; may be nil
	Extract func(ctx context.Context, h http.Header, trusted bool) context.Context // the trace that a request carries in, from a trusted proxy or from anybody; may be nil
}

// Values of Config.Docs.
const (
	DocsPublic = "public"
	DocsAdmin  = "admin"
	DocsOff    = "off"
)

// What zero values of Config mean.
const (
	defaultMaxBody = 4 << 20
	defaultTimeout = 30 * time.Second
)

// A server answers for collections.
type server struct {
	api        *core.API
	accounts   Accounts // nil: nobody logs in here
	signIns    signIns  // nil: nobody signs in elsewhere for an account here
	providers  map[string]Provider
	keySet     func(context.Context) ([]byte, error)
	documented Auth
	base       string
	docs       string
	maxBody    int64
	uploads    *core.Uploads // nil: imports are not taken
	stall      time.Duration
	ready      func(context.Context) error
}

// New returns the public handler, complete with everything around the routes.
// It is safe for concurrent use. New returns fault.Invalid if the configuration
// cannot work.
func New(cfg Config) (http.Handler, error) {
	s, err := newServer(cfg)
	if err != nil {
		return nil, err
	}
	return newSite(cfg, s.resources())
}

// newServer checks cfg and completes it.
func newServer(cfg Config) (*server, error) {
	const op = "httpapi.New"
	if cfg.API == nil {
		return nil, fault.New(fault.Invalid, op, "there is no API to serve")
	}
	if cfg.Base != "" && (cfg.Base[0] != '/' || strings.HasSuffix(cfg.Base, "/") || strings.ContainsAny(cfg.Base, "{}%?#$ ")) {
		return nil, fault.New(fault.Invalid, op, "the base path is like /v1, not %q", cfg.Base)
	}
	switch cfg.Docs {
	case "", DocsPublic, DocsAdmin, DocsOff:
	default:
		return nil, fault.New(fault.Invalid, op, "docs is public, admin or off, not %q", cfg.Docs)
	}
	s := &server{api: cfg.API, base: cfg.Base, docs: cfg.Docs, maxBody: cfg.MaxBody, uploads: cfg.Uploads, stall: cfg.Stall, ready: cfg.Ready, accounts: cfg.Accounts, providers: cfg.Providers, keySet: cfg.KeySet, documented: cfg.Documented}
	if s.signIns, _ = cfg.Accounts.(signIns); s.signIns == nil {
		s.providers = nil
	}
	if s.stall <= 0 {
		s.stall = defaultStall
	}
	if s.maxBody <= 0 {
		s.maxBody = defaultMaxBody
	}
	if s.ready == nil {
		s.ready = func(context.Context) error { return nil }
	}
	return s, nil
}
