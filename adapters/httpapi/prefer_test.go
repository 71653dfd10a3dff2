package httpapi

import (
	"strings"
	"testing"
)

func TestParsePrefer(t *testing.T) {
	known := []string{preferReturn, preferMaxAffected}
	tests := []struct {
		name    string
		lines   []string
		minimal bool
		most    int
		applied string
		code    string
	}{
		{"nothing", nil, false, -1, "", "ok"},
		{"minimal", []string{"return=minimal"}, true, -1, "return=minimal", "ok"},
		{"representation", []string{"return=representation"}, false, -1, "return=representation", "ok"},
		{"quoted, spaced, capital", []string{`Return = "minimal" ; x=y`}, true, -1, "return=minimal", "ok"},
		{"two at once", []string{"return=minimal, max-affected=3"}, true, 3, "return=minimal max-affected=3", "ok"},
		{"two lines", []string{"return=minimal", "max-affected=0"}, true, 0, "return=minimal max-affected=0", "ok"},
		{"two guards, the looser first", []string{"max-affected=9, max-affected=3"}, false, 9, "", "contradicting-preferences"},
		{"two guards, in two lines", []string{"max-affected=3", "Max-Affected=\"9\""}, false, 3, "", "contradicting-preferences"},
		{"two guards, of which one is none", []string{"max-affected=3, max-affected=few"}, false, 3, "", "contradicting-preferences"},
		{"the same guard twice", []string{"max-affected=3, max-affected=03"}, false, 3, "max-affected=3", "ok"},
		{"what is not known here, twice", []string{"tx=commit, odd=1, odd=2"}, false, -1, "", "ok"},
		{"unknown is ignored", []string{"respond-async, wait=10"}, false, -1, "", "ok"},
		{"comma in quotes", []string{`x="a,b", return=minimal`}, true, -1, "return=minimal", "ok"},
		{"unknown, strictly", []string{"handling=strict, respond-async"}, false, -1, "handling=strict", "unknown-preference"},
		{"known, strictly", []string{"return=minimal, handling=strict"}, true, -1, "return=minimal handling=strict", "ok"},
		{"lenient", []string{"handling=lenient, odd"}, false, -1, "", "ok"},
		{"guard that is no number", []string{"max-affected=many"}, false, 0, "", "bad-preference"},
		{"guard below nothing", []string{"max-affected=-1"}, false, 0, "", "bad-preference"},
		{"a trial that would not be one", []string{"return=minimal, tx=rollback"}, false, -1, "", "unknown-preference"},
		{"a trial that would not be one, behind its opposite", []string{"tx=commit, tx=rollback"}, false, -1, "", "unknown-preference"},
		{"to do it, where that goes without saying", []string{"tx=commit"}, false, -1, "", "ok"},
		{"the same twice, strictly", []string{"handling=strict, return=minimal", "return=minimal"}, true, -1, "handling=strict return=minimal", "ok"},
		{"contradicting, strictly", []string{"return=minimal, return=representation, handling=strict"}, false, -1, "", "contradicting-preferences"},
		{"contradicting, leniently", []string{"handling=lenient, return=representation, return=minimal"}, false, -1, "return=representation", "contradicting-preferences"},
		{"contradicting in a guard, strictly", []string{"handling=strict, max-affected=1, max-affected=2"}, false, -1, "", "contradicting-preferences"},
		{"strict and lenient", []string{"handling=strict, handling=lenient"}, false, -1, "", "contradicting-preferences"},
		{"lenient and strict", []string{"handling=lenient, handling=strict"}, false, -1, "", "contradicting-preferences"},
		{"a handling that is none", []string{"handling=rough"}, false, -1, "", "bad-preference"},
		{"too many", []string{strings.Repeat("a,", 50)}, false, -1, "", "bad-preference"},
		{"return of something else", []string{"return=all"}, false, -1, "", "bad-preference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parsePrefer(tt.lines, known)
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if err != nil {
				return
			}
			if got.minimal != tt.minimal || got.maxAffected != tt.most || strings.Join(got.applied, " ") != tt.applied {
				t.Errorf("got %+v, want minimal %v, most %d, applied %q", got, tt.minimal, tt.most, tt.applied)
			}
		})
	}
}

// What only some operations know.
func TestParsePreferOfWrites(t *testing.T) {
	for _, tt := range []struct {
		line          string
		each, trial   bool
		applied, code string
	}{
		{"continue-on-error", true, false, "continue-on-error", "ok"},
		{"continue-on-error=true", true, false, "continue-on-error=true", "ok"},
		{"continue-on-error=false", false, false, "continue-on-error=false", "ok"},
		{"continue-on-error=1", false, false, "", "bad-preference"},
		{"continue-on-error, continue-on-error=false", false, false, "", "contradicting-preferences"},
		{"continue-on-error, continue-on-error=true, handling=strict", true, false, "continue-on-error handling=strict", "ok"},
		{"respond-async", false, false, "respond-async", "ok"},
		{"respond-async=soon", false, false, "", "bad-preference"},
		{"tx=rollback", false, true, "tx=rollback", "ok"},
		{"tx=commit", false, false, "tx=commit", "ok"},
		{"tx=maybe", false, false, "", "bad-preference"},
		{"tx=rollback, tx=commit", false, false, "", "contradicting-preferences"},
		{"tx=commit, tx=rollback", false, false, "", "contradicting-preferences"},
		{"tx=commit, tx=commit", false, false, "tx=commit", "ok"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			got, err := parsePrefer([]string{tt.line}, []string{preferContinue, preferAsync, preferTx})
			if codeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if err != nil {
				return
			}
			if got.each != tt.each || got.trial != tt.trial || strings.Join(got.applied, " ") != tt.applied {
				t.Errorf("got %+v", got)
			}
		})
	}
}
