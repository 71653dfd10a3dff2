package core

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/password"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/mail"
)

// Accounts are people who have a password here or sign in elsewhere, and their logins. It is safe for
// concurrent use.
//
// Whether an account may do something, and with which roles, is asked for every
// request: of the records of the account and of the login, which a cache keeps until
// one of them changes. So logging out, disabling an account, another password and
// other roles hold on every instance from the next request on.
//
// Every method takes who asks, whose Address those who guess are told by. Every error
// has a fault.Kind, except a done context's, and holds nothing of a password, a code
// or a token. What one learns of an account without its password is nothing.
type Accounts struct {
	api      *API
	identity *Identity
	issuer   auth.Issuer
	hasher   auth.Hasher
	limiter  limit.Limiter
	signUp   bool
	timing   LoginTiming
	reused   func(account, login string)
	verify   bool
	post     *outbox // nil: nothing is mailed
	dummy    string  // a hash of nobody's password, which costs as much to verify as anybody's
	basic    *basicMemory
}

// AccountsConfig is what Accounts are made from. What comes before SignUp is required.
type AccountsConfig struct {
	API      *API
	Identity *Identity // who judges credentials that are not of accounts, and the signatures of those that are
	Issuer   auth.Issuer
	Hasher   auth.Hasher
	Limiter  limit.Limiter // counts attempts
	SignUp   bool          // whoever wants may make an account
	Verify   bool          // who signs up has to show that the address is theirs; needs Mail
	Timing   LoginTiming

	// Mail sends codes; nil sends none. Page is the address of a page of the operator's
	// that takes a code behind #code=, or empty. Unsent is told what could not be sent,
	// without the message; it may be nil.
	Mail   mail.Sender
	Page   string
	Unsent func(err error)

	// Reused is told that a refresh token was shown which was used up before, so that
	// somebody else has it or had it. The login has been ended. It may be nil.
	Reused func(account, login string)
}

// LoginTiming says how long logins last.
type LoginTiming struct {
	Idle     time.Duration // that a session is not used for; 0 is 12 h
	Absolute time.Duration // any login, however much it is used; 0 is 30 days
	Access   time.Duration // an access token; 0 is 15 min
	Refresh  time.Duration // that a login with tokens is not refreshed for; 0 is 7 days
}

func (t *LoginTiming) complete() {
	for _, each := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&t.Idle, 12 * time.Hour}, {&t.Absolute, 30 * 24 * time.Hour}, {&t.Access, 15 * time.Minute}, {&t.Refresh, 7 * 24 * time.Hour}} {
		if *each.value <= 0 {
			*each.value = each.usual
		}
	}
}

// An Account is somebody who has a password here, without that, or signs in elsewhere.
type Account struct {
	ID       string    `json:"id"` // the subject of its credentials
	Email    string    `json:"email"`
	Roles    []string  `json:"roles"`
	Disabled bool      `json:"disabled"`
	Verified bool      `json:"verified"` // the address was shown to be theirs
	Created  time.Time `json:"created"`
	Changed  time.Time `json:"changed"`

	// Whose account it is at a provider, if it is of one: then it has no password, and
	// an e-mail address only if the provider verified it.
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// NewAccounts returns the accounts of the API's store. It hashes one password, to know
// what that costs. Whoever makes Accounts with Mail closes them.
func NewAccounts(ctx context.Context, config AccountsConfig) (*Accounts, error) {
	a := &Accounts{
		api: config.API, identity: config.Identity, issuer: config.Issuer, hasher: config.Hasher, limiter: config.Limiter,
		signUp: config.SignUp, timing: config.Timing, reused: config.Reused, basic: newBasicMemory(), verify: config.Verify,
	}
	if a.api == nil || a.identity == nil || a.issuer == nil || a.hasher == nil || a.limiter == nil {
		return nil, fault.New(fault.Invalid, "core.NewAccounts", "accounts need an API, an identity, an issuer, a hasher and a limiter")
	}
	if a.api.pepper == nil {
		return nil, fault.New(fault.Invalid, "core.NewAccounts", "accounts need a pepper to hash what logins show").
			Coded("no-pepper").Hinting("set service.key_pepper")
	}
	if a.verify && config.Mail == nil {
		return nil, fault.New(fault.Invalid, "core.NewAccounts", "addresses are to be verified, but there is nobody to send mail")
	}
	a.timing.complete()
	if a.reused == nil {
		a.reused = func(string, string) {}
	}
	var err error
	if a.dummy, err = a.hasher.Hash(ctx, randomText(20)); err != nil {
		return nil, err
	}
	if config.Mail != nil {
		a.post = newOutbox(config.Mail, config.Page, config.Unsent)
	}
	return a, nil
}

// Close waits until what is to be mailed has been, for a second at most. Calling it
// again does nothing.
func (a *Accounts) Close() error {
	a.post.close()
	return nil
}

// SignUp makes an account, if whoever wants may make one. It returns fault.Exists with
// the code account-exists if the address has one. Where addresses are verified it
// returns the zero Account whether the address has one or not, and its owner is told by
// mail what to do; then the work is the same too.
func (a *Accounts) SignUp(ctx context.Context, who policy.Principal, email, secret string) (Account, error) {
	if !a.signUp {
		return Account{}, signUpOff()
	}
	email, err := normalised(email)
	if err != nil {
		return Account{}, err
	}
	if err := password.Check(secret); err != nil {
		return Account{}, err
	}
	if err := a.attempt(ctx, who, email); err != nil {
		return Account{}, err
	}
	made := &account{Account: Account{Email: email, Roles: []string{}}}
	if made.hash, err = a.hasher.Hash(ctx, secret); err != nil {
		return Account{}, err
	}
	if a.verify {
		return Account{}, a.post.do(func(ctx context.Context) error { return a.signUpQuietly(ctx, made) })
	}
	if err := a.create(ctx, made); err != nil {
		return Account{}, err
	}
	return made.Account, nil
}

func signUpOff() error {
	return fault.New(fault.Forbidden, "core.SignUp", "accounts are made by the operator alone").Coded("signup-off").
		Hinting("ask whoever runs this server for an account")
}

// Me returns the account of who asks.
func (a *Accounts) Me(ctx context.Context, who policy.Principal) (Account, error) {
	own, err := a.own(ctx, who, "see an account")
	if err != nil {
		return Account{}, err
	}
	return own.Account, nil
}

// own returns the account of who asks: the gate of what only its owner may do.
func (a *Accounts) own(ctx context.Context, who policy.Principal, what string) (*account, error) {
	if !who.Known() {
		return nil, refused(who, what)
	}
	if who.Issuer == a.issuer.Name() && !who.Local {
		own, err := a.account(ctx, who.Subject)
		if err != nil {
			return nil, err
		}
		if own != nil && !own.Disabled {
			return own, nil
		}
	}
	return nil, fault.New(fault.Forbidden, "core.accounts", "the credential is not of an account of this server").
		Coded("no-account").Hinting("log in with e-mail address and password")
}

// ChangePassword sets another password for who asks, if the current one is right, and
// ends all logins of the account. It returns a new login of the kind.
func (a *Accounts) ChangePassword(ctx context.Context, who policy.Principal, current, next string, kind LoginKind) (Login, error) {
	own, err := a.own(ctx, who, "change a password")
	if err != nil {
		return Login{}, err
	}
	if own.linked() {
		return Login{}, noPassword()
	}
	if err := password.Check(next); err != nil {
		return Login{}, err
	}
	if _, err := a.checked(ctx, who, own.Email, current); err != nil {
		return Login{}, err
	}
	hash, err := a.hasher.Hash(ctx, next)
	if err != nil {
		return Login{}, err
	}
	was := own.hash
	changed, err := a.edit(ctx, own.ID, func(now *account) error {
		if now.hash != was || now.Disabled {
			return wrongPassword() // somebody else set one meanwhile
		}
		now.hash, now.generation = hash, now.generation+1
		return nil
	})
	if err != nil {
		return Login{}, err
	}
	return a.begin(ctx, changed, kind)
}

func noPassword() error {
	return fault.New(fault.Refused, "core.accounts", "the account has no password, because it is of a provider").Coded("no-password").
		Hinting("sign in at the provider")
}

func disabled() error {
	return fault.New(fault.Forbidden, "core.LogIn", "the account is disabled").Coded("account-disabled").
		Hinting("ask whoever runs this server")
}
