package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/ports/contract"
)

// A Doubler doubles. It is quick.
type Doubler interface {
	// Double returns twice n. Zero is zero, as
	// everybody knows.
	Double(n int) int
}

type times int

func (m times) Double(n int) int { return n * int(m) }

var cases = []contract.Case[Doubler]{
	{"Twice", "Double returns twice n.", func(t contract.T, d Doubler) {
		if got := d.Double(2); got != 4 {
			t.Fatalf("Double(2) = %d, want 4", got)
		}
	}},
	{"Zero", "Zero is zero, as everybody knows.", func(t contract.T, d Doubler) {
		if got := d.Double(0); got != 0 {
			t.Errorf("Double(0) = %d, want 0", got)
		}
	}},
}

func TestRun(t *testing.T) {
	contract.Run(t, cases, func(*testing.T) Doubler { return times(2) })
}

func TestFailing(t *testing.T) {
	var cleaned int
	got := contract.Failing(t.Context(), cases, func(t contract.T) Doubler {
		t.Cleanup(func() { cleaned++ })
		return times(3)
	})
	if diff := cmp.Diff([]string{"Twice"}, got); diff != "" {
		t.Errorf("failing cases (-want +got):\n%s", diff)
	}
	if cleaned != len(cases) {
		t.Errorf("%d clean-ups were run, want %d", cleaned, len(cases))
	}
	got = contract.Failing(t.Context(), cases, func(contract.T) Doubler { return nil })
	if diff := cmp.Diff([]string{"Twice", "Zero"}, got); diff != "" {
		t.Errorf("cases that fail by a panic (-want +got):\n%s", diff)
	}
}

func TestDisagreements(t *testing.T) {
	for _, tt := range []struct {
		name         string
		cases        []contract.Case[Doubler]
		descriptions []string
		want         []string
	}{
		{"none", cases, []string{"A Doubler doubles", "It is quick"}, nil},
		{"unproved", cases[:1], []string{"A Doubler doubles"}, []string{
			`no case proves "It is quick"`, `no case proves "Zero is zero, as everybody knows"`,
		}},
		{"misquoted", append([]contract.Case[Doubler]{{Name: "Thrice", Clause: "Double returns thrice n."}}, cases...),
			[]string{"A Doubler doubles", "It is quick"},
			[]string{`case Thrice quotes what contract_test.go does not say: "Double returns thrice n."`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := contract.Disagreements("contract_test.go", tt.cases, tt.descriptions...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("disagreements (-want +got):\n%s", diff)
			}
		})
	}
}
