package core

import (
	"context"
	"errors"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/password"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/mail"
)

// AccountsElsewhere are people whose passwords a directory keeps. To whoever logs in
// they are as Accounts are, except that there are no sessions by cookie, and that
// logging out ends all logins. It is safe for concurrent use.
//
// Attempts are counted here as those of Accounts are. Every error has a fault.Kind,
// except a done context's, and holds nothing of a password, a code or a token.
type AccountsElsewhere struct {
	directory auth.Directory
	limiter   limit.Limiter
	signUp    bool
	post      *outbox
	mails     bool // otherwise the directory mails what it can
}

// ElsewhereConfig is what AccountsElsewhere are made from.
type ElsewhereConfig struct {
	Directory auth.Directory
	Limiter   limit.Limiter // counts attempts
	SignUp    bool          // whoever wants may make an account

	// Mail sends the codes that the directory makes; nil leaves that to the directory,
	// which can do so for passwords alone. Page is an address that takes a code behind
	// #code=, or empty. Unsent is told of mail that was not sent; nil is not.
	Mail   mail.Sender
	Page   string
	Unsent func(error)
}

// NewAccountsElsewhere returns the accounts of the directory. Whoever makes them closes them.
func NewAccountsElsewhere(config ElsewhereConfig) (*AccountsElsewhere, error) {
	if config.Directory == nil || config.Limiter == nil {
		return nil, fault.New(fault.Invalid, "core.NewAccountsElsewhere", "accounts need a directory and a limiter")
	}
	return &AccountsElsewhere{
		directory: config.Directory, limiter: config.Limiter, signUp: config.SignUp,
		post: newOutbox(config.Mail, config.Page, config.Unsent), mails: config.Mail != nil,
	}, nil
}

// Close sends what is to be mailed, for about a second. Calling it again does nothing.
func (a *AccountsElsewhere) Close() error {
	a.post.close()
	return nil
}

// Verifies reports whether who signs up has to show first that the address is theirs: in
// a directory nobody has to.
func (a *AccountsElsewhere) Verifies() bool { return false }

// Verify notes that the address is of who has the code and knows the password.
func (a *AccountsElsewhere) Verify(ctx context.Context, who policy.Principal, code, secret string) error {
	if err := attempt(ctx, a.limiter, who, ""); err != nil {
		return err
	}
	return a.directory.Verify(ctx, code, secret)
}

// RequestVerification mails a code for Verify to the address, if it has an account. It
// tells nobody whether that is so.
func (a *AccountsElsewhere) RequestVerification(ctx context.Context, who policy.Principal, email string) error {
	if !a.mails {
		return noMail()
	}
	return a.request(ctx, who, email, auth.ForAddress, verifySubject, verifyText)
}

// RequestReset mails a code with which the password is set to the address, if it has an
// account, or has the directory do that. It tells nobody whether that is so.
func (a *AccountsElsewhere) RequestReset(ctx context.Context, who policy.Principal, email string) error {
	if a.mails {
		return a.request(ctx, who, email, auth.ForPassword, resetSubject, resetText)
	}
	email, err := normalised(email)
	if err != nil {
		return err
	}
	if err := attempt(ctx, a.limiter, who, email); err != nil {
		return err
	}
	return a.post.do(func(ctx context.Context) error { // how long the directory takes would tell whether there is an account
		if few, err := mailsFew(ctx, a.limiter, email); err != nil || !few {
			return err
		}
		return a.directory.MailReset(ctx, email)
	})
}

// request mails a code behind the answer.
func (a *AccountsElsewhere) request(ctx context.Context, who policy.Principal, email string, purpose auth.Purpose, subject, text string) error {
	email, err := normalised(email)
	if err != nil {
		return err
	}
	if err := attempt(ctx, a.limiter, who, email); err != nil {
		return err
	}
	return a.post.do(func(ctx context.Context) error {
		if few, err := mailsFew(ctx, a.limiter, email); err != nil || !few {
			return err
		}
		code, err := a.directory.Code(ctx, email, purpose)
		switch {
		case errors.Is(err, fault.NotFound):
			return nil
		case err != nil:
			return err
		}
		return a.post.send(ctx, email, subject, text, code)
	})
}

// SignUp makes an account, if whoever wants may make one. It returns fault.Exists with
// the code account-exists if the address has one.
func (a *AccountsElsewhere) SignUp(ctx context.Context, who policy.Principal, email, secret string) (Account, error) {
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
	if err := attempt(ctx, a.limiter, who, email); err != nil {
		return Account{}, err
	}
	made, err := a.directory.SignUp(ctx, email, secret)
	return shownOf(made), err
}

// LogIn begins a login by tokens, if the password is right. A login by cookie is
// fault.Unsupported.
func (a *AccountsElsewhere) LogIn(ctx context.Context, who policy.Principal, email, secret string, kind LoginKind) (Login, error) {
	if kind != LoginToken {
		return Login{}, fault.New(fault.Unsupported, "core.LogIn", "these accounts have no sessions by cookie").
			Coded("no-sessions").Hinting("leave session out, and send the access token")
	}
	email, err := normalised(email)
	if err != nil {
		return Login{}, wrongPassword()
	}
	if err := attempt(ctx, a.limiter, who, email); err != nil {
		return Login{}, err
	}
	given, err := a.directory.LogIn(ctx, email, secret)
	return loginBy(given), err
}

// Refresh returns new tokens for a refresh token. Whether that changes is the
// directory's choice.
func (a *AccountsElsewhere) Refresh(ctx context.Context, who policy.Principal, token string) (Login, error) {
	if err := countRefresh(ctx, a.limiter, who); err != nil {
		return Login{}, err
	}
	given, err := a.directory.Refresh(ctx, token)
	return loginBy(given), err
}

// SetPassword sets the password of the account that the code is of, which the directory
// has sent.
func (a *AccountsElsewhere) SetPassword(ctx context.Context, who policy.Principal, code, next string) error {
	if err := password.Check(next); err != nil {
		return err
	}
	if err := attempt(ctx, a.limiter, who, ""); err != nil {
		return err
	}
	return a.directory.SetPassword(ctx, auth.Proof{Code: code}, next)
}

// ChangePassword sets another password for who asks, if the current one is right, and
// ends all logins of the account. It returns a new login.
func (a *AccountsElsewhere) ChangePassword(ctx context.Context, who policy.Principal, current, next string, kind LoginKind) (Login, error) {
	own, err := a.own(ctx, who, "change a password")
	if err != nil {
		return Login{}, err
	}
	if err := password.Check(next); err != nil {
		return Login{}, err
	}
	proof, err := a.LogIn(ctx, who, own.Email, current, kind)
	if err != nil {
		return Login{}, err
	}
	if proof.Account.ID != own.ID { // the address became somebody else's meanwhile
		return Login{}, wrongPassword()
	}
	if err := a.directory.SetPassword(ctx, auth.Proof{Access: proof.Access}, next); err != nil {
		return Login{}, err
	}
	given, err := a.directory.LogIn(ctx, own.Email, next) // which begins after the others have ended
	return loginBy(given), err
}

// LogOut ends all logins of who asks, whether or not that is all that was asked for:
// a directory does not tell one login from another.
func (a *AccountsElsewhere) LogOut(ctx context.Context, who policy.Principal, _ bool) error {
	if !who.Known() {
		return refused(who, "log out")
	}
	return a.directory.Revoke(ctx, who)
}

// Me returns the account of who asks.
func (a *AccountsElsewhere) Me(ctx context.Context, who policy.Principal) (Account, error) {
	own, err := a.own(ctx, who, "see an account")
	return shownOf(own), err
}

// own returns the account of who asks: the gate of what only its owner may do.
func (a *AccountsElsewhere) own(ctx context.Context, who policy.Principal, what string) (auth.Entry, error) {
	if !who.Known() {
		return auth.Entry{}, refused(who, what)
	}
	return a.directory.Find(ctx, who)
}

func shownOf(e auth.Entry) Account {
	roles := e.Roles
	if roles == nil {
		roles = []string{}
	}
	return Account{ID: e.ID, Email: e.Email, Roles: roles, Verified: e.Verified, Created: e.Created}
}

func loginBy(given auth.Tokens) Login {
	return Login{Account: Account{ID: given.Who.Subject}, Kind: LoginToken, Who: given.Who, Access: given.Access, Refresh: given.Refresh, Lasts: given.Lasts}
}
