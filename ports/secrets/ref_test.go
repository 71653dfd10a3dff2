package secrets_test

import (
	"fmt"
	"testing"

	"github.com/portolan-io/portolan/ports/secrets"
)

func ExampleRef_Of() {
	ref, _ := secrets.ParseRef("database#password@7")
	password, err := ref.Of("vault.Secret", `{"user": "shop", "password": "correct horse"}`)
	fmt.Println(password, err)
	// Output: correct horse <nil>
}

func TestParseRef(t *testing.T) {
	for text, want := range map[string]secrets.Ref{
		"db":                {Name: "db"},
		"team/db.dsn-2":     {Name: "team/db.dsn-2"},
		"db#password":       {Name: "db", Field: "password"},
		"db@3":              {Name: "db", Version: "3"},
		"db#_user.name@3":   {Name: "db", Field: "_user.name", Version: "3"},
		"db@latest":         {Name: "db", Version: "latest"},
		"0a#0@4387e9f3d6e1": {Name: "0a", Field: "0", Version: "4387e9f3d6e1"},
	} {
		got, ok := secrets.ParseRef(text)
		if !ok || got != want {
			t.Errorf("ParseRef(%q) = %+v, %t; want %+v", text, got, ok, want)
		}
		if got.String() != text {
			t.Errorf("ParseRef(%q).String() = %q", text, got.String())
		}
	}
	for _, text := range []string{
		"", "#field", "@1", "db#", "db@", "db#a#b", "db@1@2", "db@1#field", "db#a b", "../db", "/db", "db#$.a", "db ", "db\n", "größe", "db?version=1", "db@../1",
	} {
		if got, ok := secrets.ParseRef(text); ok {
			t.Errorf("ParseRef(%q) = %+v, want none", text, got)
		}
	}
}
