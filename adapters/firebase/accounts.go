package firebase

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// given is what Google answers to a login. The token endpoint writes its members
// another way.
type given struct {
	Subject string `json:"localId"`
	Access  string `json:"idToken"`
	Refresh string `json:"refreshToken"`
	Lasts   string `json:"expiresIn"` // in seconds

	Renewed        string `json:"id_token"`
	RenewedRefresh string `json:"refresh_token"`
	RenewedLasts   string `json:"expires_in"`
}

// credentialsOf is the body of accounts:signUp and of accounts:signInWithPassword.
type credentialsOf struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Tokens   bool   `json:"returnSecureToken"`
	Tenant   string `json:"tenantId,omitempty"`
}

// SignUp makes an account.
func (a *Authenticator) SignUp(ctx context.Context, email, password string) (auth.Entry, error) {
	tenant, err := a.home()
	if err != nil {
		return auth.Entry{}, err
	}
	var made given
	if err := a.google.asUser(ctx, "accounts:signUp", credentialsOf{email, password, true, tenant}, &made); err != nil {
		return auth.Entry{}, err
	}
	user, err := a.google.lookup(ctx, tenant, made.Subject)
	return a.entry(user), err
}

// LogIn returns tokens for the account of the address.
func (a *Authenticator) LogIn(ctx context.Context, email, password string) (auth.Tokens, error) {
	tenant, err := a.home()
	if err != nil {
		return auth.Tokens{}, err
	}
	var got given
	if err := a.google.asUser(ctx, "accounts:signInWithPassword", credentialsOf{email, password, true, tenant}, &got); err != nil {
		if fault.Of(err).Code == disabled.code { // which Google tells without having looked at the password
			err = wrongPassword.fault()
		}
		return auth.Tokens{}, err
	}
	return a.vouched(ctx, got.Access, got.Refresh, got.Lasts)
}

// Refresh returns new tokens for a refresh token.
func (a *Authenticator) Refresh(ctx context.Context, token string) (auth.Tokens, error) {
	var got given
	if err := a.google.renew(ctx, token, &got); err != nil {
		return auth.Tokens{}, err
	}
	tokens, err := a.vouched(ctx, got.Renewed, got.RenewedRefresh, got.RenewedLasts)
	if fault.KindOf(err) == fault.Unauthenticated { // it was revoked, or is of a tenant that may not come here
		return auth.Tokens{}, badRefresh.fault().Because(err)
	}
	return tokens, err
}

// vouched returns the tokens, if the authenticator would let their owner in.
func (a *Authenticator) vouched(ctx context.Context, access, refresh, lasts string) (auth.Tokens, error) {
	who, err := a.Authenticate(ctx, auth.Credential{Scheme: auth.Bearer, Token: access})
	if err != nil {
		return auth.Tokens{}, err
	}
	seconds, err := strconv.ParseUint(lasts, 10, 31)
	if err != nil {
		return auth.Tokens{}, fault.New(fault.Unavailable, "firebase.accounts", "Firebase does not say how long a token lasts")
	}
	return auth.Tokens{Who: who, Access: access, Refresh: refresh, Lasts: time.Duration(seconds) * time.Second}, nil
}

// SetPassword sets another password, if the proof is right, and ends all logins.
func (a *Authenticator) SetPassword(ctx context.Context, by auth.Proof, next string) error {
	tenant, err := a.home()
	if err != nil {
		return err
	}
	method, request := "accounts:update", map[string]any{"idToken": by.Access, "password": next}
	if by.Code != "" {
		method, request = "accounts:resetPassword", map[string]any{"oobCode": by.Code, "newPassword": next}
	}
	if tenant != "" {
		request["tenantId"] = tenant
	}
	var done struct{}
	if err := a.google.asUser(ctx, method, request, &done); err != nil {
		return err
	}
	a.revoked.forgetAll() // of a code it is not told whose it was
	return nil
}

// Code makes a code for the address, which is not mailed
// (https://cloud.google.com/identity-platform/docs/reference/rest/v1/projects.accounts/sendOobCode).
func (a *Authenticator) Code(ctx context.Context, email string, purpose auth.Purpose) (string, error) {
	tenant, err := a.home()
	if err != nil {
		return "", err
	}
	var made struct {
		Link string `json:"oobLink"`
	}
	err = a.google.asOwner(ctx, tenant, "accounts:sendOobCode", map[string]any{
		"requestType": requestTypes[purpose], "email": email, "returnOobLink": true,
	}, &made)
	if err != nil {
		return "", unknownAddress(err)
	}
	link, err := url.Parse(made.Link)
	if err == nil && link.Query().Get("oobCode") != "" {
		return link.Query().Get("oobCode"), nil
	}
	return "", fault.New(fault.Unavailable, "firebase.accounts", "Firebase answers without a code")
}

// requestTypes are what Firebase calls the purposes.
var requestTypes = map[auth.Purpose]string{auth.ForPassword: "PASSWORD_RESET", auth.ForAddress: "VERIFY_EMAIL"}

// unknownAddress returns fault.NotFound for an address that nobody has, which is said of
// a wrong password in other places.
func unknownAddress(err error) error {
	if fault.Of(err).Code == wrongPassword.code {
		return fault.New(fault.NotFound, "firebase.accounts", "no account has this address")
	}
	return err
}

// MailReset has Firebase mail a code for setting a password.
func (a *Authenticator) MailReset(ctx context.Context, email string) error {
	tenant, err := a.home()
	if err != nil {
		return err
	}
	request := map[string]any{"requestType": requestTypes[auth.ForPassword], "email": email}
	if tenant != "" {
		request["tenantId"] = tenant
	}
	var done struct{}
	err = a.google.asUser(ctx, "accounts:sendOobCode", request, &done)
	if err != nil && (fault.Of(err).Code == disabled.code || errors.Is(unknownAddress(err), fault.NotFound)) {
		return nil // projects without enumeration protection tell
	}
	return err
}

// Verify notes that the address is of who has the code and knows the password. What a code
// is for Firebase tells without using it up.
func (a *Authenticator) Verify(ctx context.Context, code, password string) error {
	tenant, err := a.home()
	if err != nil {
		return err
	}
	request := map[string]any{"oobCode": code}
	if tenant != "" {
		request["tenantId"] = tenant
	}
	var of struct {
		Email string `json:"email"`
		Type  string `json:"requestType"`
	}
	if err := a.google.asUser(ctx, "accounts:resetPassword", request, &of); err != nil {
		return err
	}
	if of.Type != requestTypes[auth.ForAddress] {
		return badCode.fault()
	}
	if _, err := a.LogIn(ctx, of.Email, password); err != nil {
		if fault.KindOf(err) == fault.Unauthenticated {
			err = badCode.fault()
		}
		return err
	}
	var done struct{}
	if err := a.google.asUser(ctx, "accounts:update", request, &done); err != nil {
		return err
	}
	a.revoked.forgetAll()
	return nil
}

// home returns the tenant whose users sign up and log in here.
func (a *Authenticator) home() (string, error) {
	switch len(a.cfg.Tenants) {
	case 0:
		return "", nil
	case 1:
		return a.cfg.Tenants[0], nil
	}
	return "", fault.New(fault.Unsupported, "firebase.accounts", "users of several tenants may come here, and accounts are of one").
		Hinting("name one of tenants, or have clients log in at Firebase")
}

// Find returns the account of who asks.
func (a *Authenticator) Find(ctx context.Context, who policy.Principal) (auth.Entry, error) {
	if err := a.checkOwn(who); err != nil {
		return auth.Entry{}, err
	}
	user, err := a.google.lookup(ctx, tenantOf(who.Claims), who.Subject)
	if err == nil && user.Disabled {
		err = notOurs()
	}
	return a.entry(user), err
}

// checkOwn returns an error unless who asks has a token of this project.
func (a *Authenticator) checkOwn(who policy.Principal) error {
	if who.Issuer == issuer+a.cfg.Project && !who.Local && a.google.owner != nil {
		return nil
	}
	return notOurs()
}

func notOurs() error {
	return fault.New(fault.Forbidden, "firebase.accounts", "the credential is not of an account of this server").
		Coded("no-account").Hinting("log in with e-mail address and password")
}

// A user is what accounts:lookup tells of one.
type user struct {
	ID         string `json:"localId"`
	Email      string `json:"email"`
	Verified   bool   `json:"emailVerified"`
	Disabled   bool   `json:"disabled"`
	ValidSince string `json:"validSince"`       // in seconds; tokens of logins before are revoked
	Created    string `json:"createdAt"`        // in milliseconds
	Custom     string `json:"customAttributes"` // JSON of custom claims
}

// entry returns the account as the port has it. Claims that cannot be read have no
// roles, and are refused when a token has them.
func (a *Authenticator) entry(u user) auth.Entry {
	e := auth.Entry{ID: u.ID, Email: u.Email, Verified: u.Verified}
	if milliseconds, err := strconv.ParseInt(u.Created, 10, 64); err == nil {
		e.Created = time.UnixMilli(milliseconds).UTC()
	}
	who := policy.Principal{}
	if json.Unmarshal([]byte(u.Custom), &who.Claims) != nil {
		return e
	}
	claim, _ := who.Claim(a.cfg.RolesClaim)
	if roles, err := a.tokens.Roles(claim, a.cfg.RoleMap); err == nil {
		e.Roles = roles
	}
	return e
}

// lookup returns the user of a uid. One that is not there any more is nobody's.
func (t *toolkit) lookup(ctx context.Context, tenant, uid string) (user, error) {
	var found struct {
		Users []user `json:"users"`
	}
	if err := t.asOwner(ctx, tenant, "accounts:lookup", map[string]any{"localId": []string{uid}}, &found); err != nil {
		return user{}, err
	}
	if len(found.Users) != 1 || found.Users[0].ID != uid {
		return user{}, notOurs()
	}
	return found.Users[0], nil
}

// tenantOf returns the tenant of the user of a token, empty if he is of none.
func tenantOf(claims map[string]any) string {
	own, _ := claims["firebase"].(map[string]any)
	tenant, _ := own["tenant"].(string)
	return tenant
}
