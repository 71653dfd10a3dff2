//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/secrets"
)

// asked returns the contest of the same answer for different callers: what is more
// than for nobody is what it takes to know who asks, and what he may see.
func (w *workshop) asked(s *servers) contest {
	hot := one("/v1/products/", w.ids[:min(few, len(w.ids))])
	own := one("/v1/goods/", w.ids[:min(few, len(w.ids))])
	shopper := s.tokens[:1]
	return contest{"who", "", "cached get of a record, by who asks", true, []contestant{
		{"constant", constantBody, s.limit, gets("", same("/constant/one")), 0, 0},
		{"nobody", "nobody", s.cached, gets("", hot), 0, 0},
		{"key", "an API key", s.cached, gets(s.key, hot), 0, 0},
		{"token", "a token that is remembered", s.cached, gets(shopper[0], hot), 0, 0},
		{"verified", "a token that is verified each time", s.cached, getsOf(s.tokens, hot), 0, 0},
		{"login", "a token of a login", s.peopled, gets(s.login, hot), 0, 0},
		{"cookie", "the cookie of a session", s.peopled, gets(s.cookie, hot), 0, 0},
		{"policy", "a token that is remembered, under a row policy", s.cached, gets(shopper[0], own), 0, 0},
		{"limits", "a token that is remembered, and limits", s.limited, gets(shopper[0], hot), 0, 0},
	}, nil}
}

// getsOf is gets for callers in turn, each with header lines of its own.
func getsOf(headers []string, of path) func(dst []byte) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([]string, len(headers))
	for i, header := range headers {
		requests[i] = "GET " + of(random) + " HTTP/1.1\r\nHost: bench\r\n" + header + "\r\n"
	}
	at := 0
	return func(dst []byte) []byte {
		at = (at + 1) % len(requests)
		return append(dst, requests[at]...)
	}
}

// callers makes what callers show, before the databases are copied.
func (w *workshop) callers(ctx context.Context, s *servers) (err error) {
	if s.token, err = w.token(ctx); err != nil {
		return err
	}
	if s.tokens, err = w.shoppers(ctx); err != nil {
		return err
	}
	s.key, err = w.keyOf(ctx, "portolan.db")
	return err
}

// strangers is how many tokens there are: more than a server remembers, so that each
// has been forgotten when its turn comes again.
const strangers = 16_384

// shoppers returns the header lines with tokens of as many shoppers.
func (w *workshop) shoppers(ctx context.Context) ([]string, error) {
	key, err := os.ReadFile(w.path("secrets/signing-key"))
	if err != nil {
		return nil, err
	}
	issuer, err := local.Open(ctx, local.Config{Key: secrets.Fixed(string(key))})
	if err != nil {
		return nil, err
	}
	headers := make([]string, strangers)
	for i := range headers {
		token, err := issuer.Issue(ctx, policy.Principal{Subject: "shopper" + strconv.Itoa(i), Roles: []string{"shopper"}}, 12*time.Hour)
		if err != nil {
			return nil, err
		}
		headers[i] = "Authorization: Bearer " + token + "\r\n"
	}
	return headers, issuer.Close()
}

// keyOf makes an API key of a shopper in the database, and returns its header line.
func (w *workshop) keyOf(ctx context.Context, db string) (string, error) {
	cmd, err := w.command(ctx, variant{binary: w.portolan}, db, "keys", "create", "--subject", "shopper", "--role", "shopper")
	if err != nil {
		return "", err
	}
	var key bytes.Buffer
	if err := output(cmd, &key); err != nil {
		return "", err
	}
	return "X-API-Key: " + strings.TrimSpace(key.String()) + "\r\n", nil
}

// logIn makes an account, and gets the header lines of its logins.
func (s *servers) logIn(ctx context.Context) error {
	const person = `{"email":"ann@example.com","password":"thirty-seven kettles"`
	if _, _, err := s.post(ctx, "signup", person+"}"); err != nil {
		return err
	}
	_, said, err := s.post(ctx, "login", person+"}")
	if err != nil {
		return err
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(said, &tokens); err != nil {
		return err
	}
	s.login = "Authorization: Bearer " + tokens.Access + "\r\n"
	head, _, err := s.post(ctx, "login", person+`,"session":"cookie"}`)
	if err != nil {
		return err
	}
	cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
	s.cookie = "Cookie: " + cookie + "\r\n"
	return nil
}

// post sends a request about an account, and returns an answer of success.
func (s *servers) post(ctx context.Context, what, body string) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.peopled.address+"/v1/auth/"+what, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", what, response.Status, said)
	}
	return response.Header, said, err
}
