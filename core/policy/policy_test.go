package policy_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// products is a collection with the fields asin, price, cost and seller.
func products(t *testing.T) *schema.Collection {
	t.Helper()
	c, err := schema.New(schema.Spec{Name: "products", ID: "asin", Fields: []schema.FieldSpec{
		{Name: "asin", Type: "string"}, {Name: "price", Type: "int"}, {Name: "cost", Type: "int"}, {Name: "seller", Type: "string"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func everyRow() *policy.RuleSpec { return &policy.RuleSpec{} }

func rows(where string) *policy.RuleSpec { return &policy.RuleSpec{Where: where} }

// What is left of several roles for one caller: rows, hidden and read-only fields.
func TestFor(t *testing.T) {
	c := products(t)
	access, err := policy.Compile(c, []policy.GrantSpec{
		{Role: policy.Anonymous, Read: everyRow(), Hide: []string{"cost", "seller"}},
		{Role: policy.Authenticated, Read: rows("true"), Hide: []string{"cost"}},
		{Role: "seller", Update: rows("seller eq @claims.sub"), Hide: []string{"cost"}, ReadOnly: []string{"seller", "price"}},
		{Role: "buyer", Update: rows("price lt 10"), Hide: []string{"seller"}, ReadOnly: []string{"price"}},
		{Role: "auditor", Read: everyRow(), Update: everyRow(), ReadOnly: []string{"asin"}},
		{Role: "regional", Delete: rows("seller in @claims.org.sellers")},
		{Role: "editor", Update: everyRow(), Hide: []string{"cost"}, Writable: []string{"price"}},
		{Role: "frozen", Update: everyRow(), Writable: []string{}},
		{Role: "never", Delete: rows("not seller eq @claims.missing")},
		{Role: "nearby", Create: everyRow(), AllowFrom: []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	from := func(address string) netip.Addr { return netip.MustParseAddr(address) }
	as := func(roles ...string) policy.Principal {
		return policy.Principal{Issuer: "test", Subject: "ann", Roles: roles, Address: from("198.51.100.1")}
	}
	at := func(p policy.Principal, address string) policy.Principal { p.Address = from(address); return p }
	nobody := policy.Principal{Address: from("198.51.100.1")}
	with := func(p policy.Principal, claims map[string]any) policy.Principal { p.Claims = claims; return p }
	local := policy.Principal{Local: true}
	for _, tt := range []struct {
		name   string
		who    policy.Principal
		action policy.Action
		want   string // where | hidden | read-only; empty: not allowed
	}{
		{"nobody reads what anonymous may", nobody, policy.Read, "true|cost,seller|"},
		{"nobody writes nothing", nobody, policy.Update, ""},
		{"somebody sees what either role shows", as(), policy.Read, "true|cost|"},
		{"a role beyond shows the rest", as("auditor"), policy.Read, "true||"},
		{"an unknown role adds nothing", as("stranger"), policy.Read, "true|cost|"},
		{"implied roles are not given", as("Anonymous", "auditors"), policy.Update, ""},
		{"only what is writable", as("editor"), policy.Update, "true|cost|cost,seller"},
		{"nothing is writable but the id", as("frozen"), policy.Update, "true||price,cost,seller"},
		{"what either lets be written", as("editor", "auditor"), policy.Update, "true||"},
		{"claims are put in", as("seller"), policy.Update, "seller eq 'ann'|cost|price,seller"},
		{"filtered roles: rows of either, fields of both", as("seller", "buyer"), policy.Update,
			"price lt 10 or seller eq 'ann'|cost,seller|price,seller"},
		{"an unfiltered role makes the filtered ones void", as("seller", "buyer", "auditor"), policy.Update, "true||asin"},
		{"a claim that is a list", with(as("regional"), map[string]any{"org": map[string]any{"sellers": []any{"x", "y"}}}),
			policy.Delete, "seller in ('x', 'y')||"},
		{"a claim that is an empty list", with(as("regional"), map[string]any{"org": map[string]any{"sellers": []any{}}}), policy.Delete, ""},
		{"a claim that is lacking", as("regional"), policy.Delete, ""},
		{"a claim that is lacking under not", as("never"), policy.Delete, ""},
		{"claims named sub do not shadow the identity", with(as("seller"), map[string]any{"sub": "bob"}), policy.Update,
			"seller eq 'ann'|cost|price,seller"},
		{"an address outside", as("nearby"), policy.Create, ""},
		{"an address inside", at(as("nearby"), "10.1.2.3"), policy.Create, "true||"},
		{"an address inside, mapped to IPv6", at(as("nearby"), "::ffff:10.1.2.3"), policy.Create, "true||"},
		{"an address inside, with a zone", at(as("nearby"), "2001:db8::1%eth0"), policy.Create, "true||"},
		{"the single address", at(as("nearby"), "192.0.2.1"), policy.Create, "true||"},
		{"beside the single address", at(as("nearby"), "192.0.2.2"), policy.Create, ""},
		{"this process", policy.Principal{Subject: "job", Roles: []string{"nearby"}}, policy.Create, "true||"},
		{"local", local, policy.Delete, "true||"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right, ok := access.For(tt.who, c, tt.action)
			got := ""
			if ok {
				got = right.Where.Text(c) + "|" + names(c, right.Hidden) + "|" + names(c, right.ReadOnly)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func names(c *schema.Collection, set []bool) string {
	var names []string
	for i, in := range set {
		if in {
			names = append(names, c.Fields[i].Name)
		}
	}
	return strings.Join(names, ",")
}

// Grants that are made without Compile may leave their lists out.
func TestForOfListsThatAreNil(t *testing.T) {
	c := products(t)
	everything, own := query.Expr{}, query.Expr{Op: query.Gt, Field: 1, Values: []record.Value{record.Int(3)}}
	cost := []bool{false, false, true, false}
	plain := func(role string, where *query.Expr, hide []bool) policy.Grant {
		g := policy.Grant{Role: role, Hide: hide}
		g.Where[policy.Read] = where
		return g
	}
	access := policy.Access{
		plain("open", &everything, nil), plain("narrow", &everything, cost),
		plain("own", &own, nil), plain("part", &own, cost),
	}
	for _, tt := range []struct {
		roles []string
		want  string
	}{
		{[]string{"open"}, "true||"},
		{[]string{"narrow"}, "true|cost|"},
		{[]string{"open", "narrow"}, "true||"},
		{[]string{"own"}, "price gt 3||"},
		{[]string{"own", "part"}, "price gt 3|cost|"},
	} {
		right, ok := access.For(policy.Principal{Roles: tt.roles}, c, policy.Read)
		got := right.Where.Text(c) + "|" + names(c, right.Hidden) + "|" + names(c, right.ReadOnly)
		if !ok || got != tt.want || len(right.Hidden) != len(c.Fields) || len(right.ReadOnly) != len(c.Fields) {
			t.Errorf("%v: got %q, %t, want %q with a list for every field", tt.roles, got, ok, tt.want)
		}
	}
}

// For changes neither the access nor a right that it gave before.
func TestForSharesNothingThatChanges(t *testing.T) {
	c := products(t)
	access, err := policy.Compile(c, []policy.GrantSpec{
		{Role: "a", Read: everyRow(), Hide: []string{"cost"}},
		{Role: "b", Read: everyRow(), Hide: []string{"seller"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	one, _ := access.For(policy.Principal{Roles: []string{"a"}}, c, policy.Read)
	access.For(policy.Principal{Roles: []string{"a", "b"}}, c, policy.Read)
	if got := names(c, one.Hidden); got != "cost" {
		t.Errorf("after another call the right hides %q, want cost", got)
	}
}

func TestCompileRefuses(t *testing.T) {
	c := products(t)
	_, err := policy.Compile(c, []policy.GrantSpec{
		{Role: "seller", Update: rows("seler eq @claims.sub"), Hide: []string{"kost"}, ReadOnly: []string{"price", "x"}},
		{Role: "seller", Read: everyRow()},
		{Role: "a b", Read: everyRow()},
		{Role: "idle"},
		{Role: "id", Read: everyRow(), Hide: []string{"asin"}},
		{Role: "both", Update: everyRow(), Writable: []string{"price", "kost"}, ReadOnly: []string{"cost"}},
		{Role: "far", Read: everyRow(), AllowFrom: []string{"10.0.0.0/33", "10.0.0.1"}},
		{Role: "typed", Read: rows("price eq 'x'"), Create: rows("price lt"), Delete: rows("price gt 1")},
	})
	got := fault.Of(err)
	if got == nil || got.Kind != fault.Invalid || got.Code != "bad-access" {
		t.Fatalf("got %v, want %s", err, fault.Invalid)
	}
	var places []string
	for _, place := range got.Places {
		places = append(places, place.Pointer+" "+place.Code)
	}
	want := []string{
		"access/seller/hide unknown-field", "access/seller/readonly unknown-field", "access/seller/update/where unknown-field",
		"access/seller twice", "access/a b bad-role", "access/idle no-action", "access/id/hide bad-field",
		"access/both/writable twice", "access/both/writable unknown-field", "access/far/allow_from bad-prefix", "access/typed/read/where wrong-type", "access/typed/create/where syntax",
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
	if detail := got.Places[0].Detail; !strings.Contains(detail, "there is no field kost; did you mean cost? the fields are asin") {
		t.Errorf("the detail is %q, want the nearest field in it", detail)
	}
}

func TestClaim(t *testing.T) {
	p := policy.Principal{Issuer: "https://issuer", Subject: "ann", Claims: map[string]any{
		"sub": "forged", "iss": "forged", "team": "x", "none": nil,
		"org": map[string]any{"id": 7.0, "unit": map[string]any{"name": "n"}}, "https://acme.com/role": "r", "org.flat": true,
	}}
	for _, tt := range []struct {
		name string
		want any
		ok   bool
	}{
		{"sub", "ann", true},
		{"iss", "https://issuer", true},
		{"team", "x", true},
		{"org.id", 7.0, true},
		{"org.unit.name", "n", true},
		{"org.flat", true, true},
		{"https://acme.com/role", "r", true},
		{"none", nil, true},
		{"team.x", nil, false},
		{"org.missing", nil, false},
		{"missing", nil, false},
		{"", nil, false},
	} {
		got, ok := p.Claim(tt.name)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Claim(%q) = %v, %t, want %v, %t", tt.name, got, ok, tt.want, tt.ok)
		}
	}
	if _, ok := (policy.Principal{Claims: map[string]any{"sub": "forged"}}).Claim("sub"); ok {
		t.Error("nobody has a sub")
	}
}

func TestHas(t *testing.T) {
	nobody, somebody := policy.Principal{Roles: []string{"r"}}, policy.Principal{Subject: "ann", Roles: []string{"r"}}
	for _, tt := range []struct {
		who  policy.Principal
		role string
		want bool
	}{
		{nobody, policy.Anonymous, true},
		{nobody, policy.Authenticated, false},
		{somebody, policy.Authenticated, true},
		{somebody, "r", true},
		{somebody, "R", false},
	} {
		if got := tt.who.Has(tt.role); got != tt.want {
			t.Errorf("%q has %s: %t, want %t", tt.who.Subject, tt.role, got, tt.want)
		}
	}
}

// How an account stood is in nothing that a principal is written to.
func TestStandingIsForNobodyToSee(t *testing.T) {
	who := policy.Principal{Subject: "ann", Standing: policy.Standing{Revision: "r1", Login: "abcdefgh"}}
	text, err := json.Marshal(who)
	if err != nil || !strings.Contains(string(text), "ann") || strings.Contains(string(text), "abcdefgh") || strings.Contains(string(text), "r1") {
		t.Errorf("a principal is written as %s, %v", text, err)
	}
}
