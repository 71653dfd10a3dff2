package auth

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/core/policy"
)

// A Directory keeps accounts with passwords elsewhere, where tokens are made too. The
// Authenticator beside it knows the tokens.
//
// A Directory is safe for concurrent use. Every error it returns has a fault.Kind,
// except that a done context's error is returned as it is. No error holds any part of
// a password, a code or a token. A Directory that cannot be asked now returns
// fault.Unavailable, and one that has been asked too often fault.Limited.
type Directory interface {
	// SignUp makes an account.
	//
	// SignUp returns fault.Exists with the code account-exists if the address has one,
	// and fault.Invalid with the code weak-password if the password is too weak there.
	SignUp(ctx context.Context, email, password string) (Entry, error)

	// LogIn returns tokens for the account of the address.
	//
	// A wrong password and an address that has no account are both fault.Unauthenticated
	// with the code wrong-password, and so is a disabled account, unless the password was
	// found to be right.
	LogIn(ctx context.Context, email, password string) (Tokens, error)

	// Refresh returns new tokens for a refresh token.
	//
	// One that is not valid, or that is of a login that was revoked, is
	// fault.Unauthenticated with the code bad-refresh-token.
	Refresh(ctx context.Context, token string) (Tokens, error)

	// SetPassword sets another password, if the proof is right, and ends all logins.
	//
	// A proof that is not right is fault.Unauthenticated, and a password that is too weak
	// there fault.Invalid with the code weak-password.
	SetPassword(ctx context.Context, by Proof, next string) error

	// Code makes a code by which whoever it is mailed to shows that the address is theirs:
	// for setting a password it is the Code of a Proof, and for verifying the address it
	// is for Verify. It is good once.
	//
	// An address that has no account is fault.NotFound.
	Code(ctx context.Context, email string, purpose Purpose) (string, error)

	// MailReset has the Directory itself mail a code for setting a password, in its own
	// words. An address that has no account, or a disabled one, is no error.
	MailReset(ctx context.Context, email string) error

	// Verify notes that the address that the code was made for is its owner's, if the
	// password is that of the account.
	//
	// A code or a password that is not right is fault.Unauthenticated with the code
	// bad-code.
	Verify(ctx context.Context, code, password string) error

	// Find returns the account of who asks.
	//
	// A principal that is not of an account of the Directory is fault.Forbidden with the
	// code no-account.
	Find(ctx context.Context, who policy.Principal) (Entry, error)

	// Revoke ends all logins of who asks: the Authenticator refuses every token that
	// they gave, from a second later on at the latest.
	//
	// A principal that is not of an account of the Directory is fault.Forbidden with the
	// code no-account.
	Revoke(ctx context.Context, who policy.Principal) error
}

// A Purpose is what a code of a Directory is for.
type Purpose uint8

// The purposes.
const (
	ForPassword Purpose = iota // to set another password
	ForAddress                 // to show that the address is theirs
)

// An Entry is an account of a Directory.
type Entry struct {
	ID       string // the subject of its tokens
	Email    string
	Verified bool // the address was shown to be theirs
	Roles    []string
	Created  time.Time
}

// Tokens are what a login is shown by. Both are secrets.
type Tokens struct {
	Who     policy.Principal // whom the Authenticator makes of who shows Access
	Access  string           // what the Authenticator knows
	Refresh string
	Lasts   time.Duration // Access
}

// A Proof is by what somebody may set a password: one of the two.
type Proof struct {
	Access string // an access token of a login that has just begun
	Code   string // what was sent to the address
}
