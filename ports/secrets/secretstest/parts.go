package secretstest

import (
	"errors"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
)

// field also asks for fields of what has none, whose text no error may tell.
func field(t contract.T, h Harness) {
	h.Set(t, "parts", `{"user":"anna","password":"hidden-value \n","pem":"a\nb","port":5432,"tls":true,"none":null,"inner":{"a":1},"":"nameless"}`)
	h.Set(t, "whole", "hidden-value")
	for name, want := range map[string]string{
		"user": "anna", "password": "hidden-value ", "pem": "a\nb", "port": "5432", "tls": "true", "inner": `{"a":1}`,
	} {
		if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "parts", Field: name}); err != nil || got != want {
			t.Errorf("the field %s = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, ref := range []secrets.Ref{
		{Name: "parts", Field: "User"}, {Name: "parts", Field: "absent"}, {Name: "parts", Field: "none"},
		{Name: "parts", Field: "inner.a"}, {Name: "whole", Field: "user"}, {Name: "absent", Field: "user"},
	} {
		got, err := h.Source.Secret(t.Context(), ref)
		if !errors.Is(err, fault.NotFound) || got != "" {
			t.Errorf("Secret(%s) = %q, %v; want a %s", ref, got, err, fault.NotFound)
		}
		if err != nil && strings.Contains(err.Error(), "hidden-value") {
			t.Errorf("Secret(%s) tells the value: %v", ref, err)
		}
	}
}

// version also asks for a version of the newest, and for a field of a former one.
func version(t contract.T, h Harness) {
	h.Set(t, "versions", `{"user":"first"}`)
	if h.Newest == nil {
		got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "versions", Version: "1"})
		if !errors.Is(err, fault.Unsupported) || got != "" || fault.Of(err).Hint == "" {
			t.Errorf("a version of a source without versions = %q, %v; want a %s with a hint", got, err, fault.Unsupported)
		}
		return
	}
	first := h.Newest(t, "versions")
	h.Set(t, "versions", `{"user":"second"}`)
	second := h.Newest(t, "versions")
	h.pass(t, secrets.Fresh)
	for _, tt := range []struct{ version, want string }{{first, "first"}, {second, "second"}, {"", "second"}} {
		ref := secrets.Ref{Name: "versions", Field: "user", Version: tt.version}
		if got, err := h.Source.Secret(t.Context(), ref); err != nil || got != tt.want {
			t.Errorf("Secret(%s) = %q, %v; want %q", ref, got, err, tt.want)
		}
	}
	for _, absent := range []string{"999", "absent", "-1", "0", "../1", first + "/x"} {
		got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "versions", Version: absent})
		if !errors.Is(err, fault.NotFound) || got != "" {
			t.Errorf("Secret of the version %q = %q, %v; want a %s", absent, got, err, fault.NotFound)
		}
	}
}

func spellings(t contract.T, h Harness) {
	h.Set(t, "case", "lower")
	got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "CASE"})
	if kind := fault.KindOf(err); got != "lower" && kind != fault.NotFound && kind != fault.Invalid {
		t.Errorf("Secret(CASE) where case is kept = %q, %v; want what case is, or a %s", got, err, fault.NotFound)
	}
	h.Set(t, "CASE", "upper")
	h.pass(t, secrets.Fresh)
	lower, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "case"})
	if err != nil {
		t.Errorf("Secret(case): %v", err)
	}
	upper, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "CASE"})
	if kind := fault.KindOf(err); upper != "upper" && kind != fault.NotFound && kind != fault.Invalid {
		t.Errorf("Secret(CASE) = %q, %v; want upper", upper, err)
	}
	if lower != "lower" && lower != upper {
		t.Errorf("Secret(case) = %q, which it never was, while CASE is %q", lower, upper)
	}
}

// outage lets less than an hour pass, and then more.
func outage(t contract.T, h Harness) {
	if h.Break == nil {
		t.Logf("this source cannot be made unavailable")
		return
	}
	h.Set(t, "away", "before")
	expect(t, h, "away", "before")
	h.Break(t)
	h.pass(t, secrets.Outage/2)
	for range 3 {
		if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "away"}); (err != nil || got != "before") && !errors.Is(err, fault.Unavailable) {
			t.Errorf("Secret of a source that is down for half an hour = %q, %v; want what it was or a %s", got, err, fault.Unavailable)
		}
	}
	h.pass(t, secrets.Outage/2)
	for range 3 {
		if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "away"}); !errors.Is(err, fault.Unavailable) || got != "" {
			t.Errorf("Secret of a source that is down for an hour = %q, %v; want a %s", got, err, fault.Unavailable)
		}
	}
	h.Mend(t)
	h.Set(t, "away", "after")
	h.pass(t, secrets.Fresh)
	expect(t, h, "away", "after")
}

func gone(t contract.T, h Harness) {
	h.Set(t, "gone", "before")
	expect(t, h, "gone", "before")
	if h.Forbid != nil {
		h.Set(t, "closed", "before")
		expect(t, h, "closed", "before")
		h.Forbid(t, "closed")
		h.pass(t, secrets.Fresh)
		if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "closed"}); !errors.Is(err, fault.Forbidden) || got != "" {
			t.Errorf("Secret of what was read before it was forbidden = %q, %v; want a %s", got, err, fault.Forbidden)
		}
	}
	if h.Delete == nil {
		t.Logf("this source cannot be made to lose a secret")
		return
	}
	h.Delete(t, "gone")
	h.pass(t, secrets.Fresh)
	if got, err := h.Source.Secret(t.Context(), secrets.Ref{Name: "gone"}); !errors.Is(err, fault.NotFound) || got != "" {
		t.Errorf("Secret of what was deleted = %q, %v; want a %s", got, err, fault.NotFound)
	}
}
