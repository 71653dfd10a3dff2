package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// TestWritesThatAreOvertakenByTheEndOfALogin: a request that was let in and writes when
// its login is over, or its account has other roles, is 401 and stores nothing. Neither
// the answer nor the log names the login.
func TestWritesThatAreOvertakenByTheEndOfALogin(t *testing.T) {
	operator := policy.Principal{Issuer: "cli", Subject: "op", Local: true}
	for name, tt := range map[string]struct {
		code   string
		revoke func(ctx context.Context, accounts *core.Accounts, who policy.Principal) error
	}{
		"logging out everywhere": {"login-ended", func(ctx context.Context, accounts *core.Accounts, who policy.Principal) error {
			return accounts.LogOut(ctx, who, true)
		}},
		"other roles": {"rights-changed", func(ctx context.Context, accounts *core.Accounts, _ policy.Principal) error {
			_, err := accounts.SetRoles(ctx, operator, ann, nil)
			return err
		}},
	} {
		for _, by := range []string{"Bearer", "Cookie", "Basic"} {
			var letIn func(policy.Principal)
			f, accounts := newAccounts(t, func(cfg *Config) {
				identify := cfg.Identify
				cfg.Identify = func(ctx context.Context, shown auth.Credential) (policy.Principal, error) {
					who, err := identify(ctx, shown)
					if letIn != nil && err == nil {
						letIn(who)
					}
					return who, err
				}
			})
			shown := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(ann+":"+secret))}
			switch by {
			case "Bearer":
				shown[1] = "Bearer " + tokens(t, f.ask(t, "POST", "/v1/auth/login", right, asJSON...)).Access
			case "Cookie":
				cookie, _ := session(t, f)
				shown = []string{"Cookie", cookie.Name + "=" + cookie.Value, "Sec-Fetch-Site", "same-origin"}
			}
			login := ""
			letIn = func(who policy.Principal) {
				if login = who.Standing.Login; who.Standing.Revision == "" || (login == "") != (by == "Basic") {
					t.Errorf("by %s it stands as %+v", by, who.Standing)
				}
				if err := tt.revoke(t.Context(), accounts, who); err != nil {
					t.Error(err)
				}
			}
			w := f.ask(t, "POST", "/v1/categories", `{"id":77,"name":"Pots"}`, with(shown...)...)
			letIn = nil
			wantAnswer(t, by+" behind "+name, w, 401, tt.code)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Hint == "" || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s behind %s is answered %s, and %q", by, name, w.Body, w.Header())
			}
			if login != "" && strings.Contains(w.Body.String()+f.log.String(), login) {
				t.Errorf("the login shows in %s or in the log:\n%s", w.Body, f.log)
			}
			admin, err := accounts.SetRoles(t.Context(), operator, ann, []string{"admin"})
			if err != nil || len(admin.Roles) != 1 {
				t.Fatal(err)
			}
			again := tokens(t, f.ask(t, "POST", "/v1/auth/login", right, asJSON...)).Access
			wantAnswer(t, "what was not stored", f.ask(t, "GET", "/v1/categories/77", "", "Authorization", "Bearer "+again), 404, "")
			wantAnswer(t, "once more", f.ask(t, "POST", "/v1/categories", `{"id":77,"name":"Pots"}`, with("Authorization", "Bearer "+again)...), 201, "")
		}
	}
}
