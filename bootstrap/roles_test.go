package bootstrap

import (
	"strings"
	"testing"
)

// TestUnknownRoles shows what is said of roles that no collection knows, and of
// credentials without any.
func TestUnknownRoles(t *testing.T) {
	c := newShop(t)
	const nearest = "warning: no collection grants anything to the role admn; did you mean admin? The roles are admin and seller\n"
	for _, tt := range []struct{ args, want string }{
		{"keys create --subject a --role admn", nearest},
		{"keys create --subject a --role admn --json", nearest},
		{"keys create --subject a --role admin", ""},
		{"keys create --subject a", "warning: the key has no role, and may do only what authenticated may; give it one with --role\n"},
		{"keys token --subject a --role admin --role admn", nearest},
		{"keys token --subject a", "warning: the token has no role"},
		{"permissions --collection products --role admn", nearest},
		{"permissions --collection products --role seller", ""},
		{"permissions --collection products --role anonymous", ""},
	} {
		code, out, errs := c.do(t, strings.Fields(tt.args)...)
		if code != exitOK || strings.Contains(out, "warning") {
			t.Errorf("%s: exit code %d, %s", tt.args, code, out)
		}
		if strings.Contains(errs, "warning") != (tt.want != "") || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: standard error has %s\nwant %s", tt.args, errs, tt.want)
		}
	}
}

// TestPermissionsNameClaims shows rows as they are written, if it is not known
// who asks, and that a grant with claims hides what it hides.
func TestPermissionsNameClaims(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "portolan.yaml", strings.Replace(right, "{anonymous: {read: true}}", `
      seller: {read: {where: "owner eq @claims.sub"}, hide: [price], allow_from: [10.0.0.0/8]}
      clerk: {read: {where: "id in @claims.ids or price lt 5"}}`, 1))
	for _, tt := range []struct{ args, want string }{
		{"--role seller --from 10.0.0.1", "read    yes  granted to seller; rows: owner eq @claims.sub\n             hidden: price\n"},
		{"--role seller --from 11.0.0.1", "read    no   the grant of seller is not for the caller's address\n"},
		{"--role seller --role clerk", "read    yes  granted to seller and clerk; rows: id in @claims.ids or price lt 5.00 or owner eq @claims.sub"},
	} {
		out := newProgram(t).must(t, append([]string{"permissions", "--collection", "things"}, strings.Fields(tt.args)...)...)
		if !strings.HasPrefix(out, tt.want) {
			t.Errorf("%s: got %s\nwant %s", tt.args, out, tt.want)
		}
	}
}
