package core

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/limit"
)

// SignInFor is how long somebody may take to sign in at a provider.
const SignInFor = 10 * time.Minute

// A SignIn is what a browser began: to sign in at a provider, and what for.
type SignIn struct {
	Provider string       `json:"p"` // by which name it is known here
	Kind     LoginKind    `json:"k"` // of the login that it ends in
	To       string       `json:"t"` // where the browser goes then; empty is nowhere
	Attempt  auth.Attempt `json:"a"`
	Until    time.Time    `json:"u"`
}

// BeginSignIn begins to sign in at the provider, and returns what the browser has to show
// when it is back: a secret that is kept nowhere else.
func (a *Accounts) BeginSignIn(ctx context.Context, who policy.Principal, begun SignIn) (SignIn, string, error) {
	if err := a.attempt(ctx, who, ""); err != nil {
		return SignIn{}, "", err
	}
	begun.Attempt = auth.Attempt{State: randomText(20), Nonce: randomText(20), Verifier: rand.Text() + rand.Text()}
	begun.Until = a.now().Add(SignInFor)
	seal, err := a.seal(ctx)
	if err != nil {
		return SignIn{}, "", err
	}
	text, err := json.Marshal(begun)
	if err != nil {
		return SignIn{}, "", err
	}
	return begun, base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, text, nil)), nil
}

// ResumeSignIn returns the sign-in that the browser began, from what it shows and from
// the state that came back with it. It does so once: what is shown again, late, in
// another browser or for another provider is fault.Forbidden with the code bad-state.
func (a *Accounts) ResumeSignIn(ctx context.Context, who policy.Principal, provider, state, shown string) (SignIn, error) {
	if err := a.attempt(ctx, who, ""); err != nil {
		return SignIn{}, err
	}
	seal, err := a.seal(ctx)
	if err != nil {
		return SignIn{}, err
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(shown)
	if err != nil {
		return SignIn{}, badState()
	}
	text, err := seal.Open(nil, nil, sealed, nil)
	if err != nil {
		return SignIn{}, badState()
	}
	var begun SignIn
	if err := json.Unmarshal(text, &begun); err != nil {
		return SignIn{}, badState()
	}
	if begun.Provider != provider || !hmac.Equal([]byte(begun.Attempt.State), []byte(state)) || !a.now().Before(begun.Until) {
		return SignIn{}, badState()
	}
	return begun, a.once(ctx, begun.Attempt.State)
}

// once returns an error if the state was used before, on whichever instance: the limiter
// gives one use for each within the time that it is good.
func (a *Accounts) once(ctx context.Context, state string) error {
	sum := sha256.Sum256([]byte(state))
	verdicts, err := a.limiter.Take(ctx, limit.Take{
		Key: "sign-in/" + base64.RawURLEncoding.EncodeToString(sum[:]), Amount: 1,
		Rate: limit.Rate{Amount: 1, Period: SignInFor, Burst: 1},
	})
	if err != nil {
		return err
	}
	if !verdicts[0].Allowed {
		return badState()
	}
	return nil
}

func badState() error {
	return fault.New(fault.Forbidden, "core.ResumeSignIn", "this browser did not begin to sign in so, or it is over").Coded("bad-state").
		Hinting("begin to sign in again, in this browser")
}

// seal returns what seals attempts, under a key of their own.
func (a *Accounts) seal(ctx context.Context) (cipher.AEAD, error) {
	pepper, err := a.api.pepper(ctx)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, []byte(pepper), nil, "sign-in at a provider", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
