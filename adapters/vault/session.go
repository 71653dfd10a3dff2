package vault

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
)

// A session is the token by which Vault knows the server. It is had with the first secret,
// and renewed when two thirds of its time are over, as long as Vault lets it; when it has
// ended, however that came, a new one is had by logging in again. All times are counted
// from Vault's answers by this machine's clock, so that nobody's need be right.
type session struct {
	cfg    Access
	client *api.Client     // without a token
	ctx    context.Context //nolint:containedctx // of what renews, until end
	cancel context.CancelFunc
	tends  sync.WaitGroup
	lives  chan life // of the token that was had last

	logging sync.Mutex // one logs in at a time
	current atomic.Pointer[identity]
}

// An identity is a client that shows a token.
type identity struct {
	token  string
	client *api.Client
}

// A life is how long a token lasts, 0 is for good, and whether that can be made longer.
type life struct {
	lasts     time.Duration
	renewable bool
}

func newSession(cfg Access, client *api.Client) *session {
	s := &session{cfg: cfg, client: client, lives: make(chan life, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tends.Go(s.tend)
	return s
}

func (s *session) end() {
	s.cancel()
	s.tends.Wait()
}

// Bounds of when a token is renewed.
const (
	shortest = 500 * time.Millisecond // between two renewals at least
	longest  = 15 * time.Second       // from one that failed to the next at most
)

// tend renews the token, or gets another one, in time. What fails is tried again: whoever
// asks for a secret meanwhile is told.
func (s *session) tend() {
	var due <-chan time.Time
	var now life
	for {
		select {
		case <-s.ctx.Done():
			return
		case now = <-s.lives:
			due = nil
			if now.lasts > 0 {
				due = time.After(max(now.lasts*2/3, shortest))
			}
		case <-due:
			due = time.After(max(min(now.lasts/6, longest), shortest))
			s.prolong(now.renewable)
		}
	}
}

// prolong renews the token if Vault lets it, and logs in if not.
func (s *session) prolong(renewable bool) {
	ctx, cancel := context.WithTimeout(s.ctx, kept.Patience)
	defer cancel()
	s.logging.Lock()
	defer s.logging.Unlock()
	if who := s.current.Load(); renewable && who != nil {
		answer, _, err := ask(ctx, who.client, http.MethodPut, "auth/token/renew-self", nil, map[string]any{})
		if err == nil && answer != nil && answer.Auth != nil && answer.Auth.LeaseDuration > 0 {
			s.lasts(life{time.Duration(answer.Auth.LeaseDuration) * time.Second, answer.Auth.Renewable})
			return
		}
	}
	_ = s.login(ctx) // it is tried again, and told to who asks for a secret
}

// login gets a token. The caller holds s.logging.
func (s *session) login(ctx context.Context) error {
	given, err := s.credentials(ctx)
	if err != nil {
		return err
	}
	if s.cfg.Login == "token" {
		return s.take(ctx, given["token"].(string))
	}
	answer, header, err := ask(ctx, s.client, http.MethodPut, "auth/"+s.cfg.AuthMount+"/login", nil, given)
	if err != nil {
		return loginError(header, err)
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return fault.New(fault.Unavailable, "vault.login", "Vault answered the login without a token").
			Hinting("look at auth_mount: it names where the login by %s is mounted", s.cfg.Login)
	}
	if err := s.use(answer.Auth.ClientToken); err != nil {
		return err
	}
	s.lasts(life{time.Duration(answer.Auth.LeaseDuration) * time.Second, answer.Auth.Renewable})
	return nil
}

// take uses a token that was given, if Vault knows it.
func (s *session) take(ctx context.Context, token string) error {
	if err := s.use(token); err != nil {
		return err
	}
	answer, header, err := ask(ctx, s.current.Load().client, http.MethodGet, "auth/token/lookup-self", nil, nil)
	if err != nil {
		s.current.Store(nil)
		return loginError(header, err)
	}
	now, err := lifeOf(answer)
	if err != nil {
		return err
	}
	s.lasts(now)
	return nil
}

// use has the token shown from now on.
func (s *session) use(token string) error {
	client, err := s.client.CloneWithHeaders()
	if err != nil {
		return fault.New(fault.Internal, "vault.login", "there is no client for the token") // the error might hold it
	}
	client.SetToken(token)
	s.current.Store(&identity{token, client})
	return nil
}

// lasts tells tend how long the token lasts. The caller holds s.logging.
func (s *session) lasts(now life) {
	select {
	case <-s.lives: // that of a token before
	default:
	}
	s.lives <- now
}

// lifeOf reads what Vault says of a token itself.
func lifeOf(answer *api.Secret) (life, error) {
	lasts, err := answer.TokenTTL()
	if err == nil {
		var renewable bool
		if renewable, err = answer.TokenIsRenewable(); err == nil {
			return life{lasts, renewable}, nil
		}
	}
	return life{}, fault.New(fault.Unavailable, "vault.login", "Vault's answer about the token cannot be read")
}

// credentials returns what the login takes, read anew.
func (s *session) credentials(ctx context.Context) (map[string]any, error) {
	given := map[string]any{}
	var err error
	switch s.cfg.Login {
	case "token":
		given["token"], err = oneOf(ctx, "token_file", s.cfg.TokenFile, s.cfg.Token)
	case "approle":
		given["role_id"] = s.cfg.RoleID
		given["secret_id"], err = oneOf(ctx, "secret_id_file", s.cfg.SecretIDFile, s.cfg.SecretID)
	default:
		given["role"] = s.cfg.Role
		given["jwt"], err = oneOf(ctx, "jwt_file", s.cfg.JWTFile, nil)
	}
	return given, err
}

// oneOf returns what the file holds, or the value if there is none.
func oneOf(ctx context.Context, setting, file string, value func(context.Context) (string, error)) (string, error) {
	if file == "" {
		text, err := value(ctx)
		if err == nil && strings.TrimSpace(text) == "" {
			err = fault.New(fault.Invalid, "vault.login", "%s is empty", strings.TrimSuffix(setting, "_file"))
		}
		return strings.TrimSpace(text), err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.Unavailable, "vault.login", "the file that %s names cannot be read", setting).Because(err).
			Hinting("mount it, and let the user of this process read it")
	}
	return strings.TrimSpace(string(text)), nil
}

// get reads a path.
func (s *session) get(ctx context.Context, path string, query url.Values) (*api.Secret, error) {
	return s.send(ctx, path, query, nil, func(header http.Header, err error) error { return classify("vault.Secret", header, err) })
}

// send reads a path, or writes it if there is a body. If Vault does not let it because the
// token has ended, a new one is tried, once. What it answers that is an error is what class
// makes of it.
func (s *session) send(ctx context.Context, path string, query url.Values, body map[string]any, class func(http.Header, error) error) (*api.Secret, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPut
	}
	who, err := s.known(ctx, nil)
	if err != nil {
		return nil, err
	}
	answer, header, err := ask(ctx, who.client, method, path, query, body)
	if statusOf(err) == http.StatusForbidden {
		another, failed := s.known(ctx, who)
		switch {
		case failed != nil:
			return nil, failed
		case another != who:
			answer, header, err = ask(ctx, another.client, method, path, query, body)
		}
	}
	return answer, class(header, err)
}

// known returns the identity to ask as. Where it is the refused one it logs in first, if
// that one has ended: Vault answers 403 to an ended token as to what it does not allow, and
// only the token itself tells.
func (s *session) known(ctx context.Context, refused *identity) (*identity, error) {
	if who := s.current.Load(); who != nil && who != refused {
		return who, nil
	}
	s.logging.Lock()
	defer s.logging.Unlock()
	if who := s.current.Load(); who != nil && who != refused {
		return who, nil // another one was waited for
	}
	if refused != nil {
		_, header, err := ask(ctx, refused.client, http.MethodGet, "auth/token/lookup-self", nil, nil)
		switch {
		case err == nil:
			return refused, nil // it is good, and does not allow this
		case statusOf(err) != http.StatusForbidden:
			return nil, classify("vault.Secret", header, err)
		}
	}
	if err := s.login(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}

// ask sends one request. Repetitions and bounds of time are the caller's.
func ask(ctx context.Context, by *api.Client, method, path string, query url.Values, body map[string]any) (*api.Secret, http.Header, error) {
	header := http.Header{}
	client := by.WithResponseCallbacks(func(answer *api.Response) { header = answer.Header }).Logical()
	var answer *api.Secret
	var err error
	if method == http.MethodGet {
		answer, err = client.ReadWithDataWithContext(ctx, path, query)
	} else {
		answer, err = client.WriteWithContext(ctx, path, body)
	}
	return answer, header, err
}
