package policy_test

import (
	"fmt"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

func ExampleAccess_For() {
	c, err := schema.New(schema.Spec{Name: "notes", ID: "id", Fields: []schema.FieldSpec{
		{Name: "id", Type: "int"}, {Name: "owner", Type: "string"}, {Name: "secret", Type: "string"},
	}})
	if err != nil {
		panic(err)
	}
	access, err := policy.Compile(c, []policy.GrantSpec{{
		Role: policy.Authenticated, Read: &policy.RuleSpec{Where: "owner eq @claims.sub"}, Hide: []string{"secret"},
	}})
	if err != nil {
		panic(err)
	}
	right, ok := access.For(policy.Principal{Subject: "ann"}, c, policy.Read)
	fmt.Println(ok, right.Where.Text(c), right.Hidden)
	_, ok = access.For(policy.Principal{}, c, policy.Read)
	fmt.Println(ok)
	// Output:
	// true owner eq 'ann' [false false true]
	// false
}
