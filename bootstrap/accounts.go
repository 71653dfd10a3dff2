package bootstrap

import (
	"context"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/firebase"
	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/mail"
)

// Accounts are people who log in here with an e-mail address and a password, or sign in
// at a provider. They need a local authenticator under auth and service.key_pepper, or
// accounts that are kept elsewhere.
type Accounts struct {
	// The driver of auth that keeps the accounts: local, which is the default, or
	// firebase. What says how long a login lasts is for local alone.
	Provider string `yaml:"provider"`
	// Who may make an account: off, which is the default, is the operator alone, with
	// portolan users create; open is whoever wants, also whoever signs in at a provider
	// for the first time.
	Signup string `yaml:"signup" jsonschema:"enum=off,enum=open"`
	// Whether who signs up has to show, with a code that is mailed, that the address is
	// theirs. It needs mail.
	Verify bool `yaml:"verify"`
	// The address of a page of yours that takes a code behind #code= and sends it here, as
	// in https://app.example.com/code. Mails then have a link to it.
	Page string `yaml:"page"`
	// How long a login by cookie lasts.
	Session SessionTimes `yaml:"session"`
	// How long a login by tokens lasts.
	Token TokenTimes `yaml:"token"`
	// Where people sign in for an account of theirs, by the name that is in the path:
	// /v1/auth/oauth/{name}. They need service.public_url.
	OAuth Named[OAuth] `yaml:"oauth"`
}

// SessionTimes say how long a login by cookie lasts.
type SessionTimes struct {
	// How long it may be unused. The default is 12h.
	Idle time.Duration `yaml:"idle"`
	// How long any login lasts, by tokens too, however much it is used. The default is
	// 720h.
	Absolute time.Duration `yaml:"absolute"`
}

// TokenTimes say how long a login by tokens lasts.
type TokenTimes struct {
	// How long an access token is good, at most 24h. The default is 15m.
	Access time.Duration `yaml:"access"`
	// How long a login lasts after its tokens were last refreshed. The default is 168h.
	Refresh time.Duration `yaml:"refresh"`
}

func (a *Accounts) setDefaults() {
	a.Provider, a.Signup = "local", "off"
	a.Session.setDefaults()
	a.Token.setDefaults()
}

func (t *SessionTimes) setDefaults() {
	*t = SessionTimes{Idle: 12 * time.Hour, Absolute: 720 * time.Hour}
}

func (t *TokenTimes) setDefaults() {
	*t = TokenTimes{Access: 15 * time.Minute, Refresh: 168 * time.Hour}
}

// leastTime is the shortest that anything about a login may last: less is a mistake of
// the unit.
const leastTime = 10 * time.Second

// checkAccounts notes what accounts lack, and times that cannot be.
func (s *settings) checkAccounts(found *mistakes) {
	a := s.Accounts
	if a == nil {
		if s.Mail.given() {
			found.add(s.document.name, within(s.document.root, []string{"mail"}), "mail", "there is nothing to send; write accounts, or leave this out")
		}
		return
	}
	note := func(keys []string, format string, args ...any) {
		path := "accounts"
		for _, key := range keys {
			path = join(path, key)
		}
		found.add(s.document.name, within(s.document.root, append([]string{"accounts"}, keys...)), path, format, args...)
	}
	if _, elsewhere := s.directory(); elsewhere {
		s.checkDirectory(note)
		return
	}
	if a.Provider != "local" {
		note([]string{"provider"}, "no driver %s of auth keeps accounts; add one, as in {driver: firebase}", a.Provider)
		return
	}
	issuing, given := s.issuing()
	switch {
	case !given:
		note(nil, "accounts need an authenticator that makes tokens and keeps passwords; add {driver: local} to auth")
	case s.Service.Instances == "many" && issuing.keyless():
		note(nil, "many instances must sign with one key; give the driver %s one, as in key: secret://signing-key", issuing.name)
	}
	if s.pepper() == nil {
		note(nil, "accounts need service.key_pepper, which keys what logins are kept as")
	}
	s.checkOAuth(found)
	if a.Verify && !s.Mail.given() {
		note([]string{"verify"}, "nobody sends the codes; write mail: {driver: smtp, …}, or log on a laptop")
	}
	if a.Page != "" && !isPage(a.Page) {
		note([]string{"page"}, "%s is no address of a page; write one like https://app.example.com/code, without a #", quoted(a.Page))
	}
	a.checkTimes(note)
}

// keptFor is for how long what is known of a login may be kept: one that is refreshed must
// not seem to have been unused meanwhile.
const keptFor = time.Minute

// checkTimes notes times that cannot be.
func (a *Accounts) checkTimes(note func(keys []string, format string, args ...any)) {
	for _, each := range []struct {
		keys  []string
		value time.Duration
		least time.Duration
		most  time.Duration
	}{
		{[]string{"session", "idle"}, a.Session.Idle, leastTime, a.Session.Absolute},
		{[]string{"session", "absolute"}, a.Session.Absolute, leastTime, limit.MaxPeriod * 12},
		{[]string{"token", "access"}, a.Token.Access, leastTime, local.MaxLifetime},
		{[]string{"token", "refresh"}, a.Token.Refresh, a.Token.Access + keptFor, a.Session.Absolute},
	} {
		if each.value < each.least || each.value > each.most {
			note(each.keys, "it is %s, but must be between %s and %s", each.value, each.least, each.most)
		}
	}
}

// isPage reports whether the text is the address of a page on the web.
func isPage(text string) bool {
	page, err := url.Parse(text)
	return err == nil && (page.Scheme == "https" || page.Scheme == "http") && page.Host != "" && !strings.ContainsAny(text, "# \t\r\n")
}

// directory returns the driver that keeps accounts elsewhere, if that is configured.
func (s *settings) directory() (Driver, bool) {
	for _, driver := range s.auth {
		if s.Accounts != nil && driver.name == s.Accounts.Provider && driver.directory {
			return driver, true
		}
	}
	return Driver{}, false
}

// checkDirectory notes what accounts at Firebase lack.
func (s *settings) checkDirectory(note func(keys []string, format string, args ...any)) {
	driver, _ := s.directory()
	if s.Accounts.Verify {
		note([]string{"verify"}, "at Firebase nobody has to verify an address before the first login; leave verify out, and let policies ask for @claims.email_verified")
	}
	if len(s.Accounts.OAuth) > 0 {
		note([]string{"oauth"}, "who signs in at a provider of oauth has an account here, and accounts are at Firebase; turn the provider on there, and leave oauth out")
	}
	config, ok := driver.settings.Interface().(firebase.Config)
	switch {
	case !ok:
	case !config.CheckRevoked:
		note([]string{"provider"}, "accounts at Firebase need check_revoked: true under firebase, without which nobody could log out")
	case config.APIKey == nil && config.Emulator == "":
		note([]string{"provider"}, "accounts at Firebase need api_key under firebase, which is the Web API Key of the project")
	}
}

// directoryOf returns what keeps the accounts elsewhere, nil if they are here.
func directoryOf(s *settings, authenticators []auth.Authenticator) auth.Directory {
	for i, driver := range s.auth {
		if s.Accounts != nil && driver.name == s.Accounts.Provider && driver.directory {
			return authenticators[i].(auth.Directory)
		}
	}
	return nil
}

// newElsewhere returns the accounts of the directory, nil if there is none.
func newElsewhere(ctx context.Context, s *settings, directory auth.Directory, limiter limit.Limiter, opened *closers, log *slog.Logger) (*core.AccountsElsewhere, error) {
	if directory == nil {
		return nil, nil //nolint:nilnil // there are none, and nothing is wrong
	}
	sender, err := openMail(ctx, s, opened)
	if err != nil {
		return nil, err
	}
	accounts, err := core.NewAccountsElsewhere(core.ElsewhereConfig{
		Directory: directory, Limiter: limiter, SignUp: s.Accounts.Signup == "open", Mail: sender, Page: s.Accounts.Page, Unsent: unsent(log),
	})
	if err == nil {
		opened.addClose(accounts.Close)
	}
	return accounts, err
}

// openMail opens who sends mail, nil if nobody does.
func openMail(ctx context.Context, s *settings, opened *closers) (mail.Sender, error) {
	if !s.Mail.given() {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	sender, err := lendDriver[mail.Sender](ctx, opened, s.mail)
	if err != nil {
		return nil, err
	}
	used, err := usageOf(opened)
	return layer.NoteMail(sender, used.of(s.mail.key())), err
}

func unsent(log *slog.Logger) func(error) {
	return func(err error) { log.Error("mail of accounts was not sent", "error", err) }
}

// issuing returns the first authenticator that makes tokens and keeps passwords.
func (s *settings) issuing() (Driver, bool) {
	for _, driver := range s.auth {
		if driver.issues {
			return driver, true
		}
	}
	return Driver{}, false
}

// keyless reports whether the driver signs with a key that ends with the process.
func (d Driver) keyless() bool {
	config, ok := d.settings.Interface().(local.Config)
	return ok && config.Key == nil
}

// issues reports whether adapters of the type make tokens and keep passwords.
func issues(adapter reflect.Type) bool {
	return adapter.Implements(reflect.TypeFor[auth.Issuer]()) && adapter.Implements(reflect.TypeFor[auth.Hasher]())
}

// An issuing is an authenticator that makes tokens and keeps passwords.
type issuing interface {
	auth.Issuer
	auth.Hasher
}

// issuerOf returns the first such of the authenticators, nil if there is none.
func issuerOf(authenticators []auth.Authenticator) issuing {
	for _, each := range authenticators {
		if issuer, ok := each.(issuing); ok {
			return issuer
		}
	}
	return nil
}

// newAccounts returns the accounts, nil if the configuration has none.
func newAccounts(ctx context.Context, s *settings, api *core.API, identity *core.Identity, issuer issuing, limiter limit.Limiter, opened *closers, log *slog.Logger) (*core.Accounts, error) {
	a := s.Accounts
	if _, elsewhere := s.directory(); a == nil || elsewhere {
		return nil, nil //nolint:nilnil // there are none, and nothing is wrong
	}
	sender, err := openMail(ctx, s, opened)
	if err != nil {
		return nil, err
	}
	accounts, err := core.NewAccounts(ctx, core.AccountsConfig{
		API: api, Identity: identity, Issuer: issuer, Hasher: issuer, Limiter: limiter, SignUp: a.Signup == "open",
		Timing: core.LoginTiming{Idle: a.Session.Idle, Absolute: a.Session.Absolute, Access: a.Token.Access, Refresh: a.Token.Refresh},
		Reused: func(account, login string) {
			log.Warn("a refresh token was shown that was used up; somebody else may have it, and the login is ended", "account", account, "login", login)
		},
		Verify: a.Verify, Mail: sender, Page: a.Page,
		Unsent: unsent(log),
	})
	if err == nil {
		opened.addClose(accounts.Close)
	}
	return accounts, err
}

// mustHaveAccounts returns an error if the configuration has no accounts.
func (s *served) mustHaveAccounts() error {
	if s.accounts != nil {
		return s.mustLast(true, "an account")
	}
	if s.elsewhere != nil {
		return fault.New(fault.Refused, "bootstrap.users", "the accounts of this configuration are kept by %s", s.settings.Accounts.Provider).
			Hinting("make and change them there")
	}
	return fault.New(fault.Refused, "bootstrap.users", "this configuration has no accounts").
		Hinting("write accounts: {} in it, with {driver: local} under auth and service.key_pepper")
}
