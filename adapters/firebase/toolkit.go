package firebase

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

const (
	toolkitURL = "https://identitytoolkit.googleapis.com/v1/"
	refreshURL = "https://securetoken.googleapis.com/v1/token"

	// identityScope lets a service account look accounts up and revoke their tokens.
	identityScope = "https://www.googleapis.com/auth/identitytoolkit"

	askFor    = 10 * time.Second // at most, until Google has answered
	maxAnswer = 1 << 20          // octets of an answer
)

// A toolkit is the Identity Toolkit API of one project
// (https://cloud.google.com/identity-platform/docs/use-rest-api).
type toolkit struct {
	client        *http.Client
	base, refresh string
	project       string
	key           secrets.Value                         // for what users do; nil in the emulator
	owner         func(context.Context) (string, error) // a token for what an administrator does; nil if there is none
}

// newToolkit returns the API, or that of the emulator, which takes any key and one
// token.
func newToolkit(cfg Config) (*toolkit, error) {
	t := &toolkit{
		client: &http.Client{Timeout: askFor, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base:   toolkitURL, refresh: refreshURL, project: cfg.Project, key: cfg.APIKey,
	}
	if cfg.Emulator != "" {
		t.base, t.refresh = "http://"+cfg.Emulator+"/identitytoolkit.googleapis.com/v1/", "http://"+cfg.Emulator+"/securetoken.googleapis.com/v1/token"
		t.owner = func(context.Context) (string, error) { return "owner", nil }
		if t.key == nil {
			t.key = secrets.Fixed("emulator")
		}
		return t, nil
	}
	if !cfg.CheckRevoked {
		return t, nil
	}
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{identityScope}})
	if err != nil {
		return nil, fault.New(fault.Invalid, "firebase.Open", "check_revoked needs Application Default Credentials, and there are none").
			Hinting("run as a service account with the role roles/firebaseauth.admin, or name its file in GOOGLE_APPLICATION_CREDENTIALS").Because(err)
	}
	t.owner = func(ctx context.Context) (string, error) {
		token, err := found.Token(ctx)
		if err != nil {
			return "", err
		}
		return token.Value, nil
	}
	return t, nil
}

// asUser calls a method for whoever has the API key: accounts:signUp and the like.
func (t *toolkit) asUser(ctx context.Context, method string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return t.withKey(ctx, t.base+method, "application/json", body, answer)
}

// renew gives tokens for a refresh token.
func (t *toolkit) renew(ctx context.Context, token string, answer any) error {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return t.withKey(ctx, t.refresh, "application/x-www-form-urlencoded", []byte(form.Encode()), answer)
}

func (t *toolkit) withKey(ctx context.Context, address, kind string, body []byte, answer any) error {
	if t.key == nil {
		return fault.New(fault.Unsupported, "firebase.accounts", "there is no api_key").Hinting("set api_key for accounts at Firebase")
	}
	key, err := t.key(ctx)
	if err != nil {
		return err
	}
	return t.call(ctx, address, http.Header{"Content-Type": {kind}, "X-Goog-Api-Key": {key}}, body, answer)
}

// asOwner calls a method of the project, or of one of its tenants, as an administrator.
func (t *toolkit) asOwner(ctx context.Context, tenant, method string, request, answer any) error {
	token, err := t.owner(ctx)
	if err != nil {
		return unavailable(ctx, err)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	address := t.base + "projects/" + url.PathEscape(t.project) + "/"
	if tenant != "" {
		address += "tenants/" + url.PathEscape(tenant) + "/"
	}
	return t.call(ctx, address+method, http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}, body, answer)
}

// call sends the body and reads the answer. Of what went wrong an error holds Google's
// code alone: the request has secrets in it, and addresses of errors may.
func (t *toolkit) call(ctx context.Context, address string, header http.Header, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	response, err := t.client.Do(request)
	if err != nil {
		return unavailable(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unavailable(ctx, err)
	case len(text) > maxAnswer:
		return unavailable(ctx, errors.New("the answer is too long"))
	case response.StatusCode != http.StatusOK:
		return failure(ctx, response.StatusCode, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return unavailable(ctx, errors.New("the answer is no JSON of the expected shape"))
	}
	return nil
}

// failure returns the error for an answer that is none.
func failure(ctx context.Context, status int, text []byte) error {
	var told struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &told) == nil {
		code, _, _ := strings.Cut(told.Error.Message, " ") // WEAK_PASSWORD : Password should be …
		if known, ok := failures[code]; ok {
			return known.fault()
		}
	}
	if status == http.StatusTooManyRequests {
		return tooMany.fault()
	}
	return unavailable(ctx, errors.New("the status was "+http.StatusText(status)))
}

func unavailable(ctx context.Context, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var addressed *url.Error
	if errors.As(why, &addressed) {
		why = addressed.Err
	}
	return fault.New(fault.Unavailable, "firebase.accounts", "Firebase cannot be asked now").Coded("issuer-unavailable").Because(why)
}

// A told is what one of Google's codes means.
type told struct {
	kind               fault.Kind
	code, detail, hint string
}

func (t told) fault() *fault.Error {
	return fault.New(t.kind, "firebase.accounts", "%s", t.detail).Coded(t.code).Hinting("%s", t.hint)
}

// What is told to somebody whose password is not right is the same for an address that
// nobody has.
var (
	wrongPassword = told{fault.Unauthenticated, "wrong-password", "the e-mail address or the password is not right", ""}
	badRefresh    = told{fault.Unauthenticated, "bad-refresh-token", "the refresh token is not valid", "log in again"}
	badCode       = told{fault.Unauthenticated, "bad-code", "the code is not valid", "ask for another one"}
	disabled      = told{fault.Forbidden, "account-disabled", "the account is disabled", "ask whoever runs this server"}
	tooMany       = told{fault.Limited, "too-many-attempts", "there were too many attempts", "try again later"}
	notAllowed    = told{fault.Forbidden, "signup-off", "the project does not let people sign up, or log in, with a password", "ask whoever runs this server for an account"}
)

// failures are Google's codes (https://firebase.google.com/docs/reference/rest/auth).
var failures = map[string]told{
	"EMAIL_EXISTS":                {fault.Exists, "account-exists", "there is an account with this e-mail address already", ""},
	"EMAIL_NOT_FOUND":             wrongPassword,
	"INVALID_PASSWORD":            wrongPassword,
	"INVALID_LOGIN_CREDENTIALS":   wrongPassword,
	"INVALID_EMAIL":               {fault.Invalid, "bad-email", "this is no e-mail address", ""},
	"USER_DISABLED":               disabled,
	"TOO_MANY_ATTEMPTS_TRY_LATER": tooMany,
	"QUOTA_EXCEEDED":              tooMany,
	"RESET_PASSWORD_EXCEED_LIMIT": tooMany,
	"OPERATION_NOT_ALLOWED":       notAllowed,
	"ADMIN_ONLY_OPERATION":        notAllowed,
	"PASSWORD_LOGIN_DISABLED":     notAllowed,
	"WEAK_PASSWORD":               {fault.Invalid, "weak-password", "the password is too weak for the project", "take a longer one"},

	"PASSWORD_DOES_NOT_MEET_REQUIREMENTS": {fault.Invalid, "weak-password", "the password is too weak for the project", "take a longer one, of several kinds of letters"},

	"TOKEN_EXPIRED":         badRefresh,
	"USER_NOT_FOUND":        badRefresh,
	"INVALID_REFRESH_TOKEN": badRefresh,
	"INVALID_ID_TOKEN":      badRefresh,
	"MISSING_REFRESH_TOKEN": badRefresh,
	"INVALID_GRANT_TYPE":    badRefresh,
	"CREDENTIAL_TOO_OLD_LOGIN_AGAIN": {
		fault.Unauthenticated, "bad-refresh-token", "the login is too old", "log in again",
	},

	"EXPIRED_OOB_CODE": badCode,
	"INVALID_OOB_CODE": badCode,
}
