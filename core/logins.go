package core

import (
	"context"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
)

// SessionsCollection is the name of the collection of logins, of which a cache keeps
// whose they are.
const SessionsCollection = "_sessions"

// sessionsSchema keeps logins. What a login is shown by is not among the fields: only
// an HMAC of it is, which is enough because it has 160 random bits.
var sessionsSchema = system(schema.Spec{
	Name: SessionsCollection,
	ID:   "id",
	Fields: []schema.FieldSpec{
		{Name: "id", Type: "string", Max: "16"},
		{Name: "account", Type: "string", Required: true, Max: "24"},
		{Name: "generation", Type: "int", Required: true},
		{Name: "kind", Type: "string", Required: true, Enum: []string{string(LoginToken), string(LoginCookie)}},
		{Name: "hash", Type: "bytes", Required: true, Max: "32"},
		{Name: "turn", Type: "int", Required: true},
		{Name: "created", Type: "time", Required: true},
		{Name: "seen", Type: "time", Required: true},
		{Name: "expires", Type: "time", Required: true},
	},
	Indexes: [][]string{{"expires"}},
})

// Positions of sessionsSchema's fields.
const (
	loginID = iota
	loginAccount
	loginGeneration
	loginKind
	loginHash
	loginTurn
	loginCreated
	loginSeen
	loginExpires
)

// A LoginKind is what a login is shown by.
type LoginKind string

// The kinds of logins.
const (
	LoginToken  LoginKind = "token"  // access tokens, and a refresh token to get more of them
	LoginCookie LoginKind = "cookie" // the cookie of a session
)

// A Login is what somebody gets who shows the right password, or signed in elsewhere. All texts in it are
// secrets that are kept nowhere.
type Login struct {
	Account Account
	Kind    LoginKind
	Who     policy.Principal // whom it makes of who shows it

	Access  string // of LoginToken: a JWT
	Refresh string // of LoginToken
	Cookie  string // of LoginCookie

	Lasts time.Duration // Access, or the session at the most
}

// login is a login as it is stored.
type login struct {
	id, account string
	generation  int64
	kind        LoginKind
	hash        []byte
	turn        int64 // how often the refresh token was replaced
	created     time.Time
	seen        time.Time // used, to a tenth of the time that it may be idle; or refreshed
	expires     time.Time // whatever happens
	revision    record.Revision
}

func (l *login) fields() []record.Value {
	return []record.Value{
		loginID: record.String(l.id), loginAccount: record.String(l.account), loginGeneration: record.Int(l.generation),
		loginKind: record.String(string(l.kind)), loginHash: record.Bytes(l.hash), loginTurn: record.Int(l.turn),
		loginCreated: record.Time(l.created), loginSeen: record.Time(l.seen), loginExpires: record.Time(l.expires),
	}
}

func loginOf(row record.Row) *login {
	v := row.Values
	return &login{
		id: v[loginID].AsString(), account: v[loginAccount].AsString(), generation: v[loginGeneration].AsInt(),
		kind: LoginKind(v[loginKind].AsString()), hash: []byte(v[loginHash].AsString()), turn: v[loginTurn].AsInt(),
		created: v[loginCreated].AsTime(), seen: v[loginSeen].AsTime(), expires: v[loginExpires].AsTime(), revision: row.Revision,
	}
}

// over reports whether the login ended by itself.
func (l *login) over(now time.Time, timing LoginTiming) bool {
	idle := timing.Refresh
	if l.kind == LoginCookie {
		idle = timing.Idle
	}
	return !now.Before(l.expires) || !now.Before(l.seen.Add(idle))
}

// LogIn begins a login of the kind for the account of the e-mail address, if the
// password is right. An address that nobody has is told from a wrong password neither
// by the answer nor by the work. Too many attempts are fault.Limited, and RetryAfter
// says when to try again.
func (a *Accounts) LogIn(ctx context.Context, who policy.Principal, email, secret string, kind LoginKind) (Login, error) {
	known, err := a.checked(ctx, who, email, secret)
	if err != nil {
		return Login{}, err
	}
	return a.begin(ctx, known, kind)
}

// checked returns the account of the address, if the password is right and it may be
// used.
func (a *Accounts) checked(ctx context.Context, who policy.Principal, email, secret string) (*account, error) {
	email, err := normalised(email)
	if err != nil {
		return nil, wrongPassword()
	}
	if err := a.attempt(ctx, who, email); err != nil {
		return nil, err
	}
	known, err := a.byEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	hash := a.dummy
	if known != nil && known.hash != "" {
		hash = known.hash
	}
	matches, stale, err := a.hasher.Verify(ctx, hash, secret)
	switch {
	case err != nil:
		return nil, err
	case !matches || known == nil || known.hash == "":
		return nil, wrongPassword()
	case known.Disabled:
		return nil, disabled()
	case a.verify && !known.Verified:
		return nil, fault.New(fault.Forbidden, "core.LogIn", "the e-mail address was not verified yet").Coded("unverified").
			Hinting("use the code that was sent to it, or ask for another one")
	case stale:
		a.hashAgain(ctx, known, secret)
	}
	return known, nil
}

func wrongPassword() error {
	return fault.New(fault.Unauthenticated, "core.LogIn", "the e-mail address or the password is not right").Coded("wrong-password")
}

// hashAgain keeps a stronger hash of a password that is known to be right. If that
// fails, the next login tries again.
func (a *Accounts) hashAgain(ctx context.Context, known *account, secret string) {
	hash, err := a.hasher.Hash(ctx, secret)
	if err != nil {
		return
	}
	was := known.hash
	_, _ = a.edit(ctx, known.ID, func(now *account) error {
		if now.hash != was {
			return wrongPassword() // another one was set meanwhile
		}
		now.hash = hash
		return nil
	})
}

// begin stores a new login of the account, and returns what it is shown by. It is over
// at once if the account has another generation by now.
func (a *Accounts) begin(ctx context.Context, of *account, kind LoginKind) (Login, error) {
	now := a.now()
	l := &login{
		id: randomText(10), account: of.ID, generation: of.generation, kind: kind,
		created: now, seen: now, expires: now.Add(a.timing.Absolute).Truncate(time.Microsecond),
	}
	shown := cookieText(l.id, randomText(20))
	if kind == LoginToken {
		shown = refresh{l.id, 0, randomText(20)}.String()
	}
	var err error
	if l.hash, err = hashKey(ctx, a.api.pepper, shown); err != nil {
		return Login{}, err
	}
	_, err = a.api.apply(ctx, []repository.Mutation{{ // nothing is kept of what was not there
		Op: repository.Put, Collection: sessionsSchema, ID: record.ID(l.id), If: repository.Absent,
		Revision: record.NewRevision(a.api.now()), Fields: l.fields(),
	}}, nil)
	if err != nil {
		return Login{}, err
	}
	return a.shown(ctx, of, l, shown)
}

// shown returns the login with what it is shown by.
func (a *Accounts) shown(ctx context.Context, of *account, l *login, secret string) (Login, error) {
	who := a.principal(of, l.id)
	if l.kind == LoginCookie {
		return Login{Account: of.Account, Kind: l.kind, Who: who, Cookie: secret, Lasts: a.timing.Absolute}, nil
	}
	lasts := min(a.timing.Access, l.expires.Sub(a.now()))
	access, err := a.issuer.Issue(ctx, who, lasts)
	if err != nil {
		return Login{}, err
	}
	return Login{Account: of.Account, Kind: l.kind, Who: who, Access: access, Refresh: secret, Lasts: lasts}, nil
}

// LogOut ends the login that who asks with, or all logins of the account.
func (a *Accounts) LogOut(ctx context.Context, who policy.Principal, all bool) error {
	own, err := a.own(ctx, who, "log out")
	if err != nil {
		return err
	}
	if all {
		_, err := a.edit(ctx, own.ID, func(now *account) error { now.generation++; return nil })
		return err
	}
	sid, _ := who.Claims[sidClaim].(string)
	row, found, err := a.read(ctx, sessionsSchema, record.ID(sid))
	switch {
	case err != nil:
		return err
	case sid == "" || found && loginOf(row).account != own.ID:
		return fault.New(fault.Refused, "core.LogOut", "the credential is not of a login").Coded("no-login").
			Hinting("what was shown ends by itself; all logins of the account can be ended instead")
	case !found:
		return nil
	}
	return a.end(ctx, record.ID(sid))
}

// end removes a login. One that is gone is no error.
func (a *Accounts) end(ctx context.Context, id record.ID) error {
	return a.fenced(ctx, sessionsSchema, id, []repository.Mutation{{Op: repository.Delete, Collection: sessionsSchema, ID: id}})
}

const cookiePrefix = "pts_"

func cookieText(id, secret string) string { return cookiePrefix + id + "_" + secret }

// cookieID returns the id of the login that a cookie is of.
func cookieID(text string) (record.ID, bool) {
	rest, ok := strings.CutPrefix(text, cookiePrefix)
	id, _, complete := strings.Cut(rest, "_")
	return record.ID(id), ok && complete && len(id) == 16 && len(text) <= 100
}
