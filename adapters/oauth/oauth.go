// Package oauth signs people in at an OpenID Connect provider, as a client of it: by the
// authorization code flow with PKCE (RFC 6749, RFC 7636, RFC 9700) and by no other.
// Start at [Open].
package oauth

import (
	"context"
	"crypto/subtle"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/portolan-io/portolan/adapters/internal/bearer"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says which provider it is, and who this server is there.
type Config struct {
	Issuer       string // iss, exactly: a URL with https, below which the discovery document is; http is for this machine. Required
	ClientID     string // Required
	ClientSecret secrets.Value
	Redirect     string            // where browsers are sent back to, exactly as the provider knows it. Required
	Scopes       []string          // besides openid; nil is email
	RolesClaim   string            // where roles are in the ID token: a claim, or a path into one; empty leaves roles alone
	RoleMap      map[string]string // roles here by those of the token; if it is given, no others are roles
	Algorithms   []string          // what the issuer may sign with; empty is RS256, PS256, ES256 and EdDSA
	Private      bool              // the provider is in a private network

	// Now is the clock that the times of tokens are compared with; nil is time.Now.
	Now func() time.Time
}

// Bounds of what is asked of a provider.
const (
	maxSubject = 255              // octets of a subject (OpenID Connect Core, section 2)
	maxCode    = 2048             // octets of a code
	keepFor    = time.Hour        // that a discovery document is used
	retryAfter = 10 * time.Second // after one could not be had
)

// A Client signs people in at one provider. It is safe for concurrent use. No error that
// it returns holds anything of a code, a token or a secret.
type Client struct {
	cfg    Config
	issuer bearer.Issuer
	tokens *bearer.Verifier

	turn  chan struct{} // holds one: whose turn it is with what follows
	known discovered
}

// discovered is what the provider last said of itself.
type discovered struct {
	bearer.Endpoints
	client *http.Client
	err    error
	until  time.Time
}

// Open returns a client, having asked the provider for its keys.
//
// Open returns fault.Invalid if something in cfg is wrong, or if what answers is not the
// provider. One that does not answer is no error: signing in is fault.Unavailable until
// it does.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	const op = "oauth.Open"
	switch {
	case cfg.Issuer == "":
		return nil, fault.New(fault.Invalid, op, "issuer is missing").
			Hinting("write it as the provider's discovery document does, as in https://login.example.com/")
	case cfg.ClientID == "":
		return nil, fault.New(fault.Invalid, op, "client_id is missing").Hinting("register this server as a client of the provider")
	case cfg.Redirect == "":
		return nil, fault.New(fault.Invalid, op, "the address that browsers are sent back to is missing")
	case cfg.RolesClaim == "" && len(cfg.RoleMap) > 0:
		return nil, fault.New(fault.Invalid, op, "role_map needs roles_claim, which says where roles are")
	}
	if err := bearer.CheckRoles(op, "role_map", cfg.RoleMap); err != nil {
		return nil, err
	}
	if cfg.Scopes == nil {
		cfg.Scopes = []string{"email"}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{cfg: cfg, turn: make(chan struct{}, 1)}
	c.issuer = bearer.Issuer{Name: cfg.Issuer, Audiences: []string{cfg.ClientID}, Algorithms: cfg.Algorithms, Private: cfg.Private}
	var err error
	c.tokens, err = bearer.Open(ctx, bearer.Config{Op: "oauth", Now: cfg.Now, Issuers: []bearer.Issuer{c.issuer}})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close stops asking the provider for keys. Calling it again does nothing.
func (c *Client) Close() error { return c.tokens.Close() }

// Begin returns the address that a browser is sent to. It returns fault.Unavailable if
// the provider does not answer, or not as itself.
func (c *Client) Begin(ctx context.Context, attempt auth.Attempt) (string, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return "", err
	}
	return c.flow(provider, "").AuthCodeURL(attempt.State,
		oauth2.S256ChallengeOption(attempt.Verifier), oauth2.SetAuthURLParam("nonce", attempt.Nonce)), nil
}

// Finish returns who signed in: the issuer and the subject of the ID token, with all its
// claims. Roles are nil if the provider has no say in them.
//
// Finish returns fault.Forbidden if what the browser brings back is not of this attempt
// with this provider, and fault.Unavailable if the provider does not answer, or not as it
// has to. The code of the error says which.
func (c *Client) Finish(ctx context.Context, attempt auth.Attempt, back auth.Return) (policy.Principal, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return policy.Principal{}, err
	}
	switch {
	case back.Issuer != "" && back.Issuer != c.cfg.Issuer, back.Issuer == "" && provider.NamesItself:
		return policy.Principal{}, refused("provider-mixed-up", "the answer is not of the provider that was asked")
	case back.Code == "" || len(back.Code) > maxCode:
		return policy.Principal{}, refused("bad-code", "the answer has no code")
	case attempt.Nonce == "" || attempt.Verifier == "":
		return policy.Principal{}, refused("bad-state", "the answer is of no attempt")
	}
	token, err := c.exchange(ctx, provider, back.Code, attempt.Verifier)
	if err != nil {
		return policy.Principal{}, err
	}
	id, _ := token.Extra("id_token").(string)
	read, err := c.tokens.Verify(ctx, auth.Credential{Scheme: auth.Bearer, Token: id})
	if err != nil {
		return policy.Principal{}, unproven(err)
	}
	if err := c.checkID(read, attempt.Nonce, token.AccessToken); err != nil {
		return policy.Principal{}, unproven(err)
	}
	return c.principal(read)
}

// principal returns who the ID token is of.
func (c *Client) principal(read bearer.Token) (policy.Principal, error) {
	who := policy.Principal{Issuer: read.Issuer, Subject: read.Subject, Claims: read.Claims, Expires: read.Expires}
	if c.cfg.RolesClaim == "" {
		return who, nil
	}
	claim, _ := who.Claim(c.cfg.RolesClaim)
	roles, err := c.tokens.Roles(claim, c.cfg.RoleMap)
	who.Roles = append([]string{}, roles...)
	if err != nil {
		return policy.Principal{}, unproven(err)
	}
	return who, nil
}

// checkID returns an error unless the verified token is the ID token of the attempt
// (OpenID Connect Core, section 3.1.3.7), beside this access token.
func (c *Client) checkID(read bearer.Token, nonce, access string) error {
	party, named := read.Claims["azp"]
	audiences, _ := read.Claims["aud"].([]any)
	hash, hashed := read.Claims["at_hash"]
	switch {
	case read.Type != "" && read.Type != "jwt":
		return c.tokens.Refuse("token-type", "the typ of the token is not one of an ID token")
	case subtle.ConstantTimeCompare([]byte(read.Text("nonce")), []byte(nonce)) != 1:
		return c.tokens.Refuse("token-nonce", "the ID token is of another attempt")
	case named && party != c.cfg.ClientID, !named && len(audiences) > 1:
		return c.tokens.Refuse("token-audience", "the ID token was issued to another client")
	case hashed && hash != halfHash(read.Alg, access):
		return c.tokens.Refuse("token-hash", "the ID token is of another access token")
	}
	return c.tokens.CheckSubject(read, maxSubject)
}

// discover returns what the provider says of itself, and asks it if that is long ago. One
// that does not answer is asked again after a while, however many sign in.
func (c *Client) discover(ctx context.Context) (discovered, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return discovered{}, ctx.Err()
	}
	defer func() { <-c.turn }()
	now := c.cfg.Now()
	if now.Before(c.known.until) {
		return c.known, c.known.err
	}
	endpoints, client, err := bearer.Discover(ctx, "oauth", c.issuer)
	switch {
	case err == nil:
		c.known = discovered{Endpoints: endpoints, client: client, until: now.Add(keepFor)}
	case ctx.Err() != nil:
		return discovered{}, ctx.Err() // which says nothing of the provider
	default:
		c.known = discovered{until: now.Add(retryAfter), err: away("the provider cannot be asked now", err)}
	}
	return c.known, c.known.err
}

// flow returns this server as a client of the provider.
func (c *Client) flow(provider discovered, secret string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if provider.SecretInBody || secret == "" {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.cfg.ClientID, ClientSecret: secret, RedirectURL: c.cfg.Redirect,
		Endpoint: oauth2.Endpoint{AuthURL: provider.Authorization, TokenURL: provider.Token, AuthStyle: style},
		Scopes:   slices.Concat([]string{"openid"}, c.cfg.Scopes),
	}
}
