package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/adapters/internal/outgoing"
	"github.com/portolan-io/portolan/core/fault"
)

// Bounds of a request to an issuer.
const (
	maxAnswer  = 1 << 20         // octets of a document, uncompressed
	answerTime = 5 * time.Second // for one document
)

// A source is where the keys of one issuer come from. It is used by one request
// at a time.
type source struct {
	op     string
	issuer Issuer
	lax    bool   // the issuer is on this machine, so http is as good as https
	keys   string // where they are, once known
	client *http.Client
}

func newSource(op string, i Issuer) (*source, error) {
	switch {
	case i.Keys != "":
		i.Discovery = i.Keys
	case i.Discovery == "":
		i.Discovery = i.Name
	}
	s := &source{op: op + ".Open", issuer: i, keys: i.Keys}
	address, err := url.Parse(i.Discovery)
	if err != nil {
		return nil, s.wrong("issuer is no URL").Hinting("write it as the provider's discovery document does, as in https://login.example.com/")
	}
	s.lax = address.Scheme == "http" && loopback(address)
	why := s.unfit(address)
	if why == "" && (address.Fragment != "" || address.RawQuery != "" || address.ForceQuery) {
		why = "must have neither a query nor a fragment"
	}
	if why != "" {
		return nil, s.wrong("issuer %s", why).Hinting("write it as the provider's discovery document does, as in https://login.example.com/")
	}
	s.client = outgoing.Client(s.reach(address), answerTime)
	return s, nil
}

// reach returns which addresses may be asked for the documents of the issuer.
func (s *source) reach(address *url.URL) outgoing.Reach {
	switch {
	case loopback(address):
		return outgoing.Own
	case s.issuer.Private:
		return outgoing.Private
	}
	return outgoing.Public
}

// wrong returns the error of what no waiting mends.
func (s *source) wrong(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, s.op, format, args...)
}

// silent returns the error of an issuer that does not answer now.
func (s *source) silent(cause error) error {
	err := fault.New(fault.Unavailable, s.op, "the issuer %s does not answer", s.issuer.Name).Because(cause)
	if errors.Is(cause, outgoing.ErrAddress) {
		err.Detail = "the issuer " + s.issuer.Name + " is not asked"
		return err.Hinting("a name that it goes by stands for an address of a private network or of this machine, where the configuration does not say that it is")
	}
	return err
}

// unfit says why nothing may be asked at the address, empty if it may.
func (s *source) unfit(address *url.URL) string {
	switch {
	case address.Host == "" || address.Opaque != "":
		return "is no URL with a host"
	case address.Scheme != "https" && (address.Scheme != "http" || !s.lax || !loopback(address)):
		return "must begin with https:// (http:// is for an issuer on 127.0.0.1, ::1 or localhost)"
	case address.User != nil:
		return "must hold no user and no password"
	}
	return ""
}

// loopback reports whether the address is of this machine.
func loopback(address *url.URL) bool {
	host := address.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fetch is a fetcher.
func (s *source) fetch(ctx context.Context) ([]key, time.Duration, error) {
	if s.keys == "" {
		if err := s.discover(ctx); err != nil {
			return nil, 0, err
		}
	}
	text, fresh, err := s.get(ctx, s.keys)
	if err != nil {
		if errors.Is(err, fault.Invalid) {
			s.keys = s.issuer.Keys // they may have moved
		}
		return nil, 0, err
	}
	keys, err := readKeys(text, s.issuer.KeyIssuers)
	if err != nil {
		return nil, 0, s.wrong("the keys of the issuer %s cannot be read: %v", s.issuer.Name, err)
	}
	return keys, fresh, nil
}

// document returns the discovery document (OpenID Connect Discovery §4), which is of
// the issuer itself.
func (s *source) document(ctx context.Context) (map[string]any, error) {
	text, _, err := s.get(ctx, strings.TrimSuffix(s.issuer.Discovery, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	document, ok := object(text)
	if !ok {
		return nil, s.wrong("the issuer %s answers with no discovery document", s.issuer.Name)
	}
	if name, _ := document["issuer"].(string); name != s.issuer.Name {
		return nil, s.wrong("issuer is %q, but its discovery document says %.200q; they must be the same, to the last slash", s.issuer.Name, name)
	}
	return document, nil
}

// discover finds out where the keys are.
func (s *source) discover(ctx context.Context) error {
	document, err := s.document(ctx)
	if err != nil {
		return err
	}
	where, _ := document["jwks_uri"].(string)
	address, err := url.Parse(where)
	if err != nil {
		return s.wrong("the discovery document of the issuer %s has a jwks_uri that is no URL", s.issuer.Name)
	}
	if why := s.unfit(address); why != "" {
		return s.wrong("the jwks_uri in the discovery document of the issuer %s %s", s.issuer.Name, why)
	}
	s.keys = where
	return nil
}

// get returns a document, and for how long it is fresh.
func (s *source) get(ctx context.Context, where string) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, 0, s.wrong("issuer is no URL that can be asked").Because(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, 0, s.silent(err)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return nil, 0, s.silent(fmt.Errorf("%s answers with %d", where, status))
	case status >= 300 && status < 400:
		return nil, 0, s.wrong("the issuer %s answers with %d, and redirections are not followed", s.issuer.Name, status).
			Hinting("write the issuer as its own discovery document does")
	case status != http.StatusOK:
		return nil, 0, s.wrong("the issuer %s answers with %d at %s", s.issuer.Name, status, where)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, 0, s.silent(err)
	}
	if len(text) > maxAnswer {
		return nil, 0, s.wrong("the issuer %s answers with more than %d octets at %s", s.issuer.Name, maxAnswer, where)
	}
	return text, freshness(response.Header), nil
}

// freshness returns for how long an answer is fresh (RFC 9111 §4.2.1),
// freshForNever if it does not say.
func freshness(header http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return freshForNever
		}
		age, _ := strconv.ParseUint(header.Get("Age"), 10, 31)
		return time.Duration(max(0, int64(seconds)-int64(age))) * time.Second
	}
	return freshForNever
}
