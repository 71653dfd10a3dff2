package secretstest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

// A source keeps its secrets in a map, rightly but for the ways in which the
// tests make it wrong.
type source struct {
	mu     sync.Mutex
	values map[string][]string // the versions, the newest last
	closed map[string]bool     // forbidden
	down   bool

	wrong string
	first map[string]string // what was read first, for the wrong "stale"
	last  map[string]string // what was read last, for those that are wrong about outages
	shut  bool
}

func (s *source) Secret(ctx context.Context, ref secrets.Ref) (string, error) {
	name := ref.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		if s.wrong == "wraps" {
			return "", fault.New(fault.Unavailable, "source.Secret", "the context is done").Because(err)
		}
		return "", err
	}
	err := s.failure(name)
	if kept, was := s.last[name]; was && err != nil && (s.down && s.wrong == "ever" || !s.down && s.wrong == "clings") {
		return kept, nil
	}
	if err != nil {
		return "", err
	}
	return s.newest(ref)
}

// failure returns why the secret is not had.
func (s *source) failure(name string) error {
	versions, ok := s.values[name]
	switch {
	case s.down && s.wrong == "vague":
		return errors.New("connection refused")
	case s.down:
		return fault.New(fault.Unavailable, "source.Secret", "the source is down")
	case s.wrong == "climbs" && strings.HasSuffix(name, "/present"), !ok && s.wrong == "empty":
		return nil
	case !ok:
		return fault.New(fault.NotFound, "source.Secret", "there is no secret called %.100q", name)
	case s.closed[name] && s.wrong == "loud":
		return fault.New(fault.Forbidden, "source.Secret", "this may not be read: %s", versions)
	case s.closed[name] && s.wrong != "open":
		return fault.New(fault.Forbidden, "source.Secret", "this secret may not be read")
	}
	return nil
}

// newest returns what the ref names.
func (s *source) newest(ref secrets.Ref) (string, error) {
	versions := append([]string{""}, s.values[ref.Name]...)
	number := len(versions) - 1
	if ref.Version != "" && s.wrong != "newest" {
		var err error
		if number, err = strconv.Atoi(ref.Version); err != nil || number < 1 || number >= len(versions) {
			return "", fault.New(fault.NotFound, "source.Secret", "there is no such version")
		}
	}
	value := versions[number]
	if _, kept := s.first[ref.Name]; !kept {
		s.first[ref.Name] = value
	}
	s.last[ref.Name] = value
	switch {
	case s.wrong == "stale":
		return s.first[ref.Name], nil
	case s.wrong == "lower" && ref.Name == "CASE":
		return "lower than that", nil
	case s.wrong == "trims":
		return strings.TrimSpace(value), nil
	case s.wrong == "whole":
		return value, nil
	}
	return ref.Of("source.Secret", value)
}

func (s *source) Close() error {
	if s.shut && s.wrong == "once" {
		return errors.New("closed already")
	}
	s.shut = true
	return nil
}

func harness(wrong string) secretstest.Harness {
	s := &source{values: map[string][]string{}, last: map[string]string{}, closed: map[string]bool{}, first: map[string]string{}, wrong: wrong}
	return secretstest.Harness{
		Source: secrets.Source(s),
		Set:    func(_ contract.T, name, value string) { s.values[name] = append(s.values[name], value) },
		Delete: func(_ contract.T, name string) { delete(s.values, name) },
		Newest: func(_ contract.T, name string) string { return strconv.Itoa(len(s.values[name])) },
		Mend:   func(contract.T) { s.down = false },
		Forbid: func(_ contract.T, name string) { s.closed[name] = true },
		Break:  func(contract.T) { s.down = true },
	}
}

func TestRight(t *testing.T) {
	secretstest.Run(t, func(*testing.T) secretstest.Harness { return harness("") })
}

// TestWrong runs the suite over sources that each break one clause.
func TestWrong(t *testing.T) {
	for wrong, catcher := range map[string]string{
		"wraps":  "Done",
		"vague":  "Unavailable",
		"climbs": "MissingOddly",
		"empty":  "Missing",
		"open":   "Forbidden",
		"loud":   "Quiet",
		"stale":  "Change",
		"trims":  "Exact",
		"once":   "Close",
		"whole":  "Field",
		"newest": "Version",
		"lower":  "Cases",
		"ever":   "Outage",
		"clings": "Gone",
	} {
		t.Run(wrong, func(t *testing.T) {
			caught := contract.Failing(t.Context(), secretstest.Cases, func(contract.T) secretstest.Harness { return harness(wrong) })
			if !slices.Contains(caught, catcher) {
				t.Errorf("the suite failed at %v, want %s among them", caught, catcher)
			}
		})
	}
}

// TestEveryCaseCatches runs the suite over a source that has nothing right.
func TestEveryCaseCatches(t *testing.T) {
	caught := contract.Failing(t.Context(), secretstest.Cases, func(contract.T) secretstest.Harness {
		h := harness("")
		h.Source = nil
		return h
	})
	if len(caught) != len(secretstest.Cases) {
		t.Errorf("%d of %d cases fail without a source: %v", len(caught), len(secretstest.Cases), caught)
	}
}

func TestClauses(t *testing.T) {
	lines, err := contract.Disagreements("../secrets.go", secretstest.Cases, "A Source gives out secrets by name")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
