package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// The preferences of RFC 7240, OData and PostgREST that operations know.
const (
	preferReturn      = "return"
	preferMaxAffected = "max-affected"
	preferContinue    = "continue-on-error"
	preferAsync       = "respond-async"
	preferTx          = "tx"
	preferHandling    = "handling"
)

// preferences are what a request prefers.
type preferences struct {
	minimal     bool
	maxAffected int  // -1 if it was not said
	each        bool // continue-on-error: what is wrong with one record does not hinder the others
	trial       bool // tx=rollback: do everything but store
	applied     []string
}

// parsePrefer reads the lines of the Prefer header for an operation that knows
// the given preferences beside handling. What it does not know it ignores,
// unless the request asks for handling=strict. A known preference with a value
// that cannot be read is always refused: the caller counts on it.
//
// One that is given twice and means different things is refused, too, though by
// RFC 7240 the first counts: that may be the looser one of two guards.
// tx=rollback is followed or refused, and never ignored: to write all the same would
// be the opposite of what is wanted.
func parsePrefer(lines, known []string) (preferences, error) {
	p := preferences{maxAffected: -1}
	if len(lines) == 0 {
		return p, nil
	}
	given, err := splitPrefer(lines)
	if err != nil {
		return p, err
	}
	strict := given.first[preferHandling] == "strict"
	for _, name := range given.names {
		value := given.first[name]
		switch {
		case name == preferTx && (value == "rollback" || given.others[name] != nil) && !slices.Contains(known, name):
			return p, preferFault("unknown-preference", "the preference tx=rollback cannot be followed here").
				Hinting("nothing was done; leave it out to do it")
		case name != preferHandling && !slices.Contains(known, name):
			if strict {
				return p, preferFault("unknown-preference", "the preference %s is not known here", quoted(name)).
					Hinting("known here: %s", strings.Join(slices.Concat(known, []string{preferHandling}), ", "))
			}
			continue
		case !p.set(name, value):
			return p, preferFault("bad-preference", "the preference %s cannot be %s", name, quoted(value)).
				Hinting("%s", preferenceHint[name])
		case slices.ContainsFunc(given.others[name], func(other string) bool { return p.contradicts(name, value, other) }):
			return p, preferFault("contradicting-preferences", "the preference %s is given twice, with different values", name).
				Hinting("nothing was done; give it once")
		case name == preferHandling && !strict:
			continue // to be lenient is nothing that could be followed
		}
		if value != "" {
			name += "=" + value
		}
		p.applied = append(p.applied, name)
	}
	return p, nil
}

// meaning returns what is to be done otherwise than without preferences, the same text
// however it was said.
func (p *preferences) meaning() string {
	return fmt.Sprintf("minimal %t, at most %d, each %t, trial %t", p.minimal, p.maxAffected, p.each, p.trial)
}

// unapplied notes that nothing came of a preference, so that the answer does not
// say it was followed.
func (p *preferences) unapplied(name string) {
	p.applied = slices.DeleteFunc(p.applied, func(applied string) bool {
		applied, _, _ = strings.Cut(applied, "=")
		return applied == name
	})
}

func preferFault(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "httpapi.parsePrefer", format, args...).Coded(code)
}

// preferred is what the lines of a Prefer header say.
type preferred struct {
	names  []string // in the order in which they are first given, in lower case
	first  map[string]string
	others map[string][]string // the values that are not the first
}

// maxPreferences is how many preferences a request may have.
const maxPreferences = 50

func splitPrefer(lines []string) (preferred, error) {
	given := preferred{first: make(map[string]string), others: make(map[string][]string)}
	items := splitOutsideQuotes(strings.Join(lines, ","), ',')
	if len(items) > maxPreferences {
		return given, preferFault("bad-preference", "the request has more than %d preferences", maxPreferences)
	}
	for _, item := range items {
		item, _, _ = strings.Cut(item, ";") // none that we know has parameters
		name, value, _ := strings.Cut(item, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))
		if name == "" {
			continue
		}
		first, again := given.first[name]
		switch {
		case !again:
			given.names = append(given.names, name)
			given.first[name] = value
		case first != value:
			given.others[name] = append(given.others[name], value)
		}
	}
	return given, nil
}

// preferenceHint says what a preference may be.
var preferenceHint = map[string]string{
	preferReturn:      "return is minimal or representation",
	preferMaxAffected: "max-affected is a whole number, 0 or more",
	preferContinue:    "continue-on-error is true, false, or has no value",
	preferAsync:       "respond-async has no value",
	preferTx:          "tx is rollback or commit",
	preferHandling:    "handling is strict or lenient",
}

// set takes one preference, and reports whether its value can be read.
func (p *preferences) set(name, value string) bool {
	switch name {
	case preferReturn:
		p.minimal = value == "minimal"
		return p.minimal || value == "representation"
	case preferMaxAffected:
		n, err := strconv.ParseUint(value, 10, 31)
		p.maxAffected = int(n)
		return err == nil
	case preferContinue:
		p.each = value == "" || value == "true"
		return p.each || value == "false"
	case preferAsync:
		return value == ""
	case preferTx:
		p.trial = value == "rollback"
		return p.trial || value == "commit"
	case preferHandling:
		return value == "strict" || value == "lenient"
	}
	return false
}

// contradicts reports whether other is not what the value, which was taken, means.
func (p *preferences) contradicts(name, value, other string) bool {
	if name == preferHandling {
		return other != value
	}
	again := *p
	return !again.set(name, other) || again.meaning() != p.meaning()
}

// splitOutsideQuotes splits text at sep, except within quoted strings.
func splitOutsideQuotes(text string, sep byte) []string {
	var parts []string
	var inQuotes bool
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			inQuotes = !inQuotes
		case inQuotes && text[i] == '\\':
			i++
		case !inQuotes && text[i] == sep:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// unquote returns the content of a quoted-string of RFC 9110, or text as it is.
func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var b strings.Builder
	for inner := text[1 : len(text)-1]; inner != ""; inner = inner[1:] {
		if inner[0] == '\\' && len(inner) > 1 {
			inner = inner[1:]
		}
		b.WriteByte(inner[0])
	}
	return b.String()
}
