package core

import (
	"context"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/repository"
)

// mailsToAddress is how many mails with codes an address gets, whoever asks for them.
// What is left out keeps nobody from anything: the owner has those before.
var mailsToAddress = limit.Rate{Amount: 1, Period: 15 * time.Minute, Burst: 3}

// Verifies reports whether who signs up has to show that the address is theirs.
func (a *Accounts) Verifies() bool { return a.verify }

// Verify notes that the address is of who has the code and knows the password, and uses
// the code up. Whoever signed up with the address of somebody else knows the password
// alone, and that somebody, who may well follow the mail, the code alone.
func (a *Accounts) Verify(ctx context.Context, who policy.Principal, code, secret string) error {
	if err := a.attempt(ctx, who, ""); err != nil {
		return err
	}
	row, err := a.code(ctx, code, forAddress)
	if err != nil {
		return err
	}
	of, err := a.account(ctx, row.Values[codeAccount].AsString())
	if err != nil {
		return err
	}
	if of == nil || of.hash == "" {
		return badCode()
	}
	matches, _, err := a.hasher.Verify(ctx, of.hash, secret)
	if err != nil {
		return err
	}
	if !matches {
		return badCode()
	}
	_, err = a.edit(ctx, of.ID, func(now *account) error {
		if now.Disabled || now.hash != of.hash || now.generation != row.Values[codeGeneration].AsInt() {
			return badCode()
		}
		now.Verified = true
		return nil
	}, repository.Mutation{Op: repository.Delete, Collection: codesSchema, ID: row.ID, If: repository.At(row.Revision)})
	if lost(err, 1) || fault.KindOf(err) == fault.NotFound {
		return badCode() // it was used at the same time, or the account is gone
	}
	return err
}

// RequestVerification mails another code to the address, if an account with it is still
// to be verified. It tells nobody whether that is so.
func (a *Accounts) RequestVerification(ctx context.Context, who policy.Principal, email string) error {
	return a.request(ctx, who, email, func(ctx context.Context, of *account) error {
		if of == nil || of.Disabled || of.Verified || of.hash == "" {
			return nil
		}
		return a.mailVerification(ctx, of)
	})
}

// RequestReset mails a code with which the password is set to the address, if it has an
// account. It tells nobody whether that is so.
func (a *Accounts) RequestReset(ctx context.Context, who policy.Principal, email string) error {
	return a.request(ctx, who, email, func(ctx context.Context, of *account) error {
		if of == nil || of.Disabled {
			return nil
		}
		return a.mailCode(ctx, of, forPassword, resetSubject, resetText)
	})
}

// request does a job about the account of the address, if there is one, behind the
// answer.
func (a *Accounts) request(ctx context.Context, who policy.Principal, email string, job func(context.Context, *account) error) error {
	if a.post == nil {
		return noMail()
	}
	email, err := normalised(email)
	if err != nil {
		return err
	}
	if err := a.attempt(ctx, who, email); err != nil {
		return err
	}
	return a.post.do(func(ctx context.Context) error {
		of, err := a.byEmail(ctx, email)
		if err != nil {
			return err
		}
		return job(ctx, of)
	})
}

// signUpQuietly makes the account, and tells the owner of the address. If the address
// has an account its password stays what it is, whoever chose it, and its owner is sent
// a code with which to set another one.
func (a *Accounts) signUpQuietly(ctx context.Context, made *account) error {
	of, err := a.byEmail(ctx, made.Email)
	if err != nil {
		return err
	}
	if of == nil {
		if err := a.create(ctx, made); err != nil {
			return err
		}
		return a.mailVerification(ctx, made)
	}
	if of.Disabled {
		return nil
	}
	return a.mailCode(ctx, of, forPassword, "You have an account already",
		"Somebody, perhaps you, tried to sign up with this address, which has an account.\nIf you do not know its password, you set a new one with this code:\n")
}

func (a *Accounts) mailVerification(ctx context.Context, of *account) error {
	return a.mailCode(ctx, of, forAddress, verifySubject, verifyText)
}

// What mails with codes say.
const (
	resetSubject  = "Set your password"
	resetText     = "With this code you set a new password:\n"
	verifySubject = "Verify your address"
	verifyText    = "With this code, and the password that you chose, you show that this address is yours:\n"
)

func noMail() error {
	return fault.New(fault.Refused, "core.accounts", "this server sends no mail").Coded("no-mail").
		Hinting("ask whoever runs it for a code")
}

// mailsFew counts a mail, and reports whether the address was not sent many just now.
func mailsFew(ctx context.Context, limiter limit.Limiter, email string) (bool, error) {
	verdicts, err := limiter.Take(ctx, limit.Take{Key: "mail/" + string(addressID(email)), Rate: mailsToAddress, Amount: 1})
	return err == nil && verdicts[0].Allowed, err
}

// mailCode makes a code for the account and mails it, unless the address was sent many
// just now.
func (a *Accounts) mailCode(ctx context.Context, of *account, purpose, subject, text string) error {
	if few, err := mailsFew(ctx, a.limiter, of.Email); err != nil || !few {
		return err
	}
	code, err := a.newCode(ctx, of, purpose)
	if err != nil {
		return err
	}
	return a.post.send(ctx, of.Email, subject, text, code)
}
