package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/portolan-io/portolan/core/fault"
)

const op = "oauth.Finish"

// exchange gives the code to the provider, once, and returns the tokens for it.
func (c *Client) exchange(ctx context.Context, provider discovered, code, verifier string) (*oauth2.Token, error) {
	secret := ""
	if c.cfg.ClientSecret != nil {
		var err error
		if secret, err = c.cfg.ClientSecret(ctx); err != nil {
			return nil, err
		}
	}
	asking := context.WithValue(ctx, oauth2.HTTPClient, provider.client)
	token, err := c.flow(provider, secret).Exchange(asking, code, oauth2.VerifierOption(verifier))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, classify(err)
	}
	return token, nil
}

// classify returns what a failed exchange means. The answer of the provider is in none
// of it: there could be anything in it, also what it was sent.
func classify(err error) error {
	var answered *oauth2.RetrieveError
	var unsent *url.Error
	switch {
	case errors.As(err, &unsent):
		return away("the provider does not answer", unsent)
	case !errors.As(err, &answered) || answered.Response == nil:
		return away("the provider's answer cannot be read", nil)
	}
	switch status := answered.Response.StatusCode; {
	case answered.ErrorCode == "invalid_grant":
		return refused("bad-code", "the provider does not accept the code: it was used, is over, or is of another attempt")
	case answered.ErrorCode == "invalid_client", answered.ErrorCode == "unauthorized_client", status == http.StatusUnauthorized: //nolint:misspell // it is the word of RFC 6749
		return away("the provider does not accept this server as its client", nil).Coded("provider-client").
			Hinting("whoever runs this server looks at client_id and client_secret")
	case status >= 300 && status < 400:
		return away("the provider answers with a redirection, which is not followed", nil)
	}
	return away("the provider does not answer as it has to", nil)
}

// refused returns the error of what is not of this attempt.
func refused(code, detail string) *fault.Error {
	return fault.New(fault.Forbidden, op, "%s", detail).Coded(code).Hinting("begin to sign in again")
}

// away returns the error of a provider that is of no use now.
func away(detail string, cause error) *fault.Error {
	return fault.New(fault.Unavailable, op, "%s", detail).Coded("provider-unavailable").
		Hinting("try again later, or sign in another way").Because(cause)
}

// unproven returns the error of an ID token that proves nothing: whoever asks has shown
// no credential that could be wrong.
func unproven(err error) error {
	why := fault.Of(err)
	switch why.Kind {
	case fault.Unauthenticated:
		return refused(why.Code, why.Detail)
	case fault.Unsupported:
		return refused("token-issuer", why.Detail)
	}
	return err
}

// halfHash returns at_hash of the access token (OpenID Connect Core, section 3.1.3.6):
// the left half of its hash, by the algorithm of the ID token.
func halfHash(algorithm, access string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(algorithm, "256"):
		all := sha256.Sum256([]byte(access))
		sum = all[:]
	case strings.HasSuffix(algorithm, "384"):
		all := sha512.Sum384([]byte(access))
		sum = all[:]
	default: // also of Ed25519, which hashes so itself
		all := sha512.Sum512([]byte(access))
		sum = all[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
