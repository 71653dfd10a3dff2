package httpapi

import (
	"context"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// Accounts are who logs in here: core.Accounts, or core.AccountsElsewhere, whose
// methods say what these do. It has a method for each route below auth.
type Accounts interface {
	SignUp(ctx context.Context, who policy.Principal, email, secret string) (core.Account, error)
	LogIn(ctx context.Context, who policy.Principal, email, secret string, kind core.LoginKind) (core.Login, error)
	Refresh(ctx context.Context, who policy.Principal, token string) (core.Login, error)
	SetPassword(ctx context.Context, who policy.Principal, code, next string) error
	ChangePassword(ctx context.Context, who policy.Principal, current, next string, kind core.LoginKind) (core.Login, error)
	LogOut(ctx context.Context, who policy.Principal, all bool) error
	Me(ctx context.Context, who policy.Principal) (core.Account, error)
	Verifies() bool
	Verify(ctx context.Context, who policy.Principal, code, secret string) error
	RequestVerification(ctx context.Context, who policy.Principal, email string) error
	RequestReset(ctx context.Context, who policy.Principal, email string) error
}

// signIns are accounts for which people sign in at providers.
type signIns interface {
	BeginSignIn(ctx context.Context, who policy.Principal, begun core.SignIn) (core.SignIn, string, error)
	ResumeSignIn(ctx context.Context, who policy.Principal, provider, state, shown string) (core.SignIn, error)
	SignIn(ctx context.Context, from policy.Principal, kind core.LoginKind) (core.Login, error)
}

// sessions reports whether the accounts have sessions by cookie and Basic, which only
// those that are kept here do.
func (s *server) sessions() bool {
	_, here := s.accounts.(*core.Accounts)
	return here
}
