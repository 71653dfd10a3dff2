package core_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
)

// An interrupted store does something else before it writes, and counts what it is
// asked.
type interrupted struct {
	lasting
	first func() // before each Apply and Load; nil: nothing
	asked atomic.Int64
}

func (s *interrupted) interrupt() {
	s.asked.Add(1)
	if s.first != nil {
		s.first()
	}
}

func (s *interrupted) Get(ctx context.Context, view query.View, ids []record.ID) ([]record.Row, error) {
	s.asked.Add(1)
	return s.lasting.Get(ctx, view, ids)
}

func (s *interrupted) Apply(ctx context.Context, batch []repository.Mutation) ([]repository.Outcome, error) {
	s.interrupt()
	return s.lasting.Apply(ctx, batch)
}

func (s *interrupted) Load(ctx context.Context, load repository.Load) (repository.Loaded, error) {
	s.interrupt()
	return s.lasting.Load(ctx, load)
}

// once is first before the next write alone.
func (s *interrupted) once(first func()) {
	s.first = func() { s.first = nil; first() }
}

// interrupted returns an API over the store of the house that is interrupted.
func (h *house) interrupted(t *testing.T) (*core.API, *interrupted) {
	t.Helper()
	store := &interrupted{lasting: lasting{h.store}}
	api, err := core.New(core.Config{Store: store, Collections: catalogue(t), Pepper: secrets.Fixed("pepper")})
	if err != nil {
		t.Fatal(err)
	}
	return api, store
}

// standing runs the test with an account of ann's for the role admin, whom all
// instances know by what it shows, and an API over an interrupted store.
func standing(t *testing.T, by string, test func(t *testing.T, h *house, api *core.API, store *interrupted, who policy.Principal)) {
	t.Helper()
	inHouse(t, 2, func(t *testing.T, h *house) {
		newAPI(t, h.store) // stores what the writes are about
		h.join(t, ann, secret, "admin")
		shows := auth.Credential{Scheme: auth.Basic, Token: ann + ":" + secret}
		if by != byPassword {
			shows = credential(h.logIn(t, core.LoginKind(by)))
		}
		var who policy.Principal
		for range 2 { // the second time from what is kept
			var err error
			if who, err = h.other.Identify(t.Context(), shows); err != nil {
				t.Fatal(err)
			}
		}
		api, store := h.interrupted(t)
		test(t, h, api, store, who)
	})
}

const byPassword = "password"

// shown are what an account is known by: a token, a cookie, or its password.
var shown = []string{string(core.LoginToken), string(core.LoginCookie), byPassword}

// revocations are all that takes from who asks what it was let in by, and the code of a
// write that comes after.
var revocations = map[string]struct {
	code string
	do   func(h *house, ctx context.Context, who policy.Principal) error
}{
	"logging out": {"login-ended", func(h *house, ctx context.Context, who policy.Principal) error {
		return h.LogOut(ctx, who, who.Standing.Login == "") // a password is of no login
	}},
	"logging out everywhere": {"login-ended", func(h *house, ctx context.Context, who policy.Principal) error {
		return h.LogOut(ctx, who, true)
	}},
	"other roles": {"rights-changed", func(h *house, ctx context.Context, _ policy.Principal) error {
		_, err := h.SetRoles(ctx, operator, ann, []string{"clerk"})
		return err
	}},
	"more roles": {"rights-changed", func(h *house, ctx context.Context, _ policy.Principal) error {
		_, err := h.SetRoles(ctx, operator, ann, []string{"admin", "clerk"})
		return err
	}},
	"disabling": {"login-ended", func(h *house, ctx context.Context, _ policy.Principal) error {
		_, err := h.SetDisabled(ctx, operator, ann, true)
		return err
	}},
	"disabling and enabling": {"login-ended", func(h *house, ctx context.Context, _ policy.Principal) error {
		if _, err := h.SetDisabled(ctx, operator, ann, true); err != nil {
			return err
		}
		_, err := h.SetDisabled(ctx, operator, ann, false)
		return err
	}},
	"deleting": {"login-ended", func(h *house, ctx context.Context, _ policy.Principal) error {
		return h.DeleteUser(ctx, operator, ann)
	}},
	"another password": {"login-ended", func(h *house, ctx context.Context, who policy.Principal) error {
		_, err := h.ChangePassword(ctx, who, secret, "another long password", core.LoginCookie)
		return err
	}},
	"a password by code": {"login-ended", func(h *house, ctx context.Context, _ policy.Principal) error {
		code, err := h.IssueCode(ctx, operator, ann)
		if err != nil {
			return err
		}
		return h.SetPassword(ctx, operator, code, "another long password")
	}},
}

// changes are what becomes of an account and its login, and revokes nothing.
var changes = map[string]func(h *house, ctx context.Context) error{
	"another hash": func(h *house, ctx context.Context) error {
		h.hasher.strength++
		before := h.hasher.hashed.Load()
		_, err := h.LogIn(ctx, home, ann, secret, core.LoginToken)
		if now := h.hasher.hashed.Load(); err == nil && now != before+1 {
			return fmt.Errorf("it hashed %d passwords", now-before)
		}
		return err
	},
	"the same roles": func(h *house, ctx context.Context) error {
		_, err := h.SetRoles(ctx, operator, ann, []string{"admin"})
		return err
	},
	"enabling": func(h *house, ctx context.Context) error {
		_, err := h.SetDisabled(ctx, operator, ann, false)
		return err
	},
}

// A write by a login is not stored behind the revocation of that, though the request had
// been let in before and the revocation came between its last reading and its batch.
func TestNoWriteBehindTheEndOfALogin(t *testing.T) {
	for _, by := range shown {
		for name, revocation := range revocations {
			for what, write := range writes {
				standing(t, by, func(t *testing.T, h *house, api *core.API, store *interrupted, who policy.Principal) {
					before := held(t, h.api)
					store.once(func() {
						if err := revocation.do(h, t.Context(), who); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
					})
					err := write(t, api, who)
					if fault.KindOf(err) != fault.Unauthenticated || fault.Of(err).Code != revocation.code || fault.Of(err).Hint == "" {
						t.Errorf("%s by %s behind %s = %v, want %s", what, by, name, err, revocation.code)
					}
					if after := held(t, h.api); after != before {
						t.Errorf("%s by %s is stored behind %s:\n%s", what, by, name, after)
					}
				})
			}
		}
	}
}

// What changes of an account and revokes nothing refuses no write that is being done.
func TestWritesOfAnAccountThatChanges(t *testing.T) {
	for _, by := range shown {
		for name, change := range changes {
			for what, write := range writes {
				standing(t, by, func(t *testing.T, h *house, api *core.API, store *interrupted, who policy.Principal) {
					store.once(func() {
						if err := change(h, t.Context()); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
					})
					if err := write(t, api, who); err != nil {
						t.Errorf("%s by %s with %s meanwhile: %v", what, by, name, err)
					}
				})
			}
		}
	}
}

// A write of who signed in elsewhere rests on what the provider says of them, as long as
// that takes nothing.
func TestWritesOfWhoSignsInAgain(t *testing.T) {
	as := func(email string, verified bool, roles ...string) policy.Principal {
		from := elsewhere("1", email, verified)
		from.Roles = roles
		return from
	}
	for name, tt := range map[string]struct {
		first, again policy.Principal
		code         string
	}{
		"the same":              {as(ann, true, "admin"), as(ann, true, "admin"), ""},
		"another address":       {as(ann, true, "admin"), as("ann@example.org", true, "admin"), ""},
		"an address":            {as(ann, false, "admin"), as(ann, true, "admin"), ""},
		"an address that is no": {as(ann, true, "admin"), as(ann, false, "admin"), "rights-changed"},
		"other roles":           {as(ann, true, "admin"), as(ann, true, "clerk"), "rights-changed"},
		"nothing of roles":      {as(ann, true, "admin"), as(ann, true), ""},
	} {
		for what, write := range writes {
			inHouse(t, 0, func(t *testing.T, h *house) {
				newAPI(t, h.store)
				login, err := h.SignIn(t.Context(), tt.first, core.LoginToken)
				if err != nil {
					t.Fatal(err)
				}
				api, store := h.interrupted(t)
				store.once(func() {
					if _, err := h.SignIn(t.Context(), tt.again, core.LoginToken); err != nil {
						t.Fatal(err)
					}
				})
				err = write(t, api, h.who(t, login))
				if tt.code == "" && err != nil || tt.code != "" && (fault.KindOf(err) != fault.Unauthenticated || fault.Of(err).Code != tt.code) {
					t.Errorf("%s while somebody signs in with %s: %v, want %q", what, name, err, tt.code)
				}
			})
		}
	}
}

// An account that changes each time that a write is tried has it given up.
func TestWritesOfAnAccountThatChangesAlways(t *testing.T) {
	for _, what := range []string{"create", "patch", "import", "send an import"} {
		standing(t, "token", func(t *testing.T, h *house, api *core.API, store *interrupted, who policy.Principal) {
			before, tried := held(t, h.api), 0
			store.first = func() {
				tried++
				if err := changes["the same roles"](h, t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			err := writes[what](t, api, who)
			wantFault(t, err, fault.Unavailable, "busy")
			if tried < 2 || tried > 70 {
				t.Errorf("%s was tried %d times", what, tried)
			}
			if after := held(t, h.api); after != before {
				t.Errorf("%s is stored:\n%s", what, after)
			}
		})
	}
}

// That a write requires a login costs no call of the store.
func TestALoginCostsNoCall(t *testing.T) {
	for what, write := range writes {
		calls := func(by string, without bool) (n int64) {
			standing(t, by, func(t *testing.T, _ *house, api *core.API, store *interrupted, who policy.Principal) {
				if without {
					who.Standing = policy.Standing{}
				}
				if err := write(t, api, who); err != nil {
					t.Fatal(err)
				}
				n = store.asked.Load()
			})
			return n
		}
		want := calls(byPassword, true)
		for _, by := range shown {
			if got := calls(by, false); got != want {
				t.Errorf("%s by %s asks the store %d times, want %d", what, by, got, want)
			}
		}
	}
}

// An import that was accepted goes on when its login is ended, as when a page is left,
// and when its account changes for no matter; it stores no more when the account is
// revoked, and its job says why.
func TestImportsBehindTheEndOfALogin(t *testing.T) {
	none := func(h *house, ctx context.Context, _ policy.Principal) error { return changes["another hash"](h, ctx) }
	want := map[string]string{"logging out": "", "another hash": ""}
	does := map[string]func(*house, context.Context, policy.Principal) error{"another hash": none}
	for name, revocation := range revocations {
		does[name] = revocation.do
		if name != "logging out" {
			want[name] = revocation.code
		}
	}
	for _, name := range slices.Sorted(maps.Keys(does)) {
		standing(t, "cookie", func(t *testing.T, h *house, api *core.API, _ *interrupted, who policy.Principal) {
			dir := t.TempDir()
			uploads := newUploads(t, api, dir)
			id := submit(t, uploads, who, "products", "asin,title,category_id\nB1,Pot,12\n")
			if err := uploads.Close(); err != nil {
				t.Fatal(err)
			}
			before := held(t, h.api)
			if err := does[name](h, t.Context(), who); err != nil {
				t.Fatal(err)
			}
			job := work(t, api, newUploads(t, api, dir), id)[0]
			switch code := want[name]; {
			case code == "" && (job.State != core.JobFinished || job.Loaded != 1):
				t.Errorf("behind %s the job is %+v, %v", name, job, job.Err)
			case code != "" && (job.State != core.JobFailed || job.Err == nil || job.Err.Code != code || job.Loaded != 0):
				t.Errorf("behind %s the job is %+v, %v, want %s", name, job, job.Err, code)
			case code != "" && held(t, h.api) != before:
				t.Errorf("stored behind %s:\n%s", name, held(t, h.api))
			}
		})
	}
}
