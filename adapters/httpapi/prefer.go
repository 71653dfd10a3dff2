package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// The preferences of RFC 7240, and of PostgREST, that operations know.
const (
	preferReturn      = "return"
	preferMaxAffected = "max-affected"
	preferHandling    = "handling"
)

// preferences are what a request prefers.
type preferences struct {
	minimal     bool
	maxAffected int // -1 if it was not said
	applied     []string
}

// parsePrefer reads the lines of the Prefer header for an operation that knows
// the given preferences beside handling. What it does not know it ignores,
// unless the request asks for handling=strict. A known preference with a value
// that cannot be read is always refused: the caller counts on it.
func parsePrefer(lines, known []string) (preferences, error) {
	p := preferences{maxAffected: -1}
	if len(lines) == 0 {
		return p, nil
	}
	var strict bool
	var ignored []string
	seen := make(map[string]bool)
	for _, item := range splitOutsideQuotes(strings.Join(lines, ","), ',') {
		first, _, _ := strings.Cut(item, ";") // none that we know has parameters
		name, value, _ := strings.Cut(first, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))
		if name == "" || seen[name] {
			continue // of repeated preferences the first counts
		}
		seen[name] = true
		switch {
		case name == preferHandling:
			strict = value == "strict"
		case name == "tx" && value == "rollback": // to write all the same would be the opposite of what is wanted
			return p, fault.New(fault.Invalid, "httpapi.parsePrefer", "the preference tx=rollback cannot be followed here").
				Coded("unknown-preference").Hinting("nothing was written; leave it out to write")
		case !slices.Contains(known, name):
			ignored = append(ignored, name)
			continue
		case !p.set(name, value):
			return p, fault.New(fault.Invalid, "httpapi.parsePrefer", "the preference %s cannot be %s", name, quoted(value)).
				Coded("bad-preference").Hinting("%s", preferenceHint[name])
		}
		p.applied = append(p.applied, name+"="+value)
	}
	if strict && ignored != nil {
		return p, fault.New(fault.Invalid, "httpapi.parsePrefer", "the preference %s is not known here", quoted(ignored[0])).
			Coded("unknown-preference").Hinting("known here: %s", strings.Join(slices.Concat(known, []string{preferHandling}), ", "))
	}
	if !strict {
		p.applied = slices.DeleteFunc(p.applied, func(a string) bool { return strings.HasPrefix(a, preferHandling) })
	}
	return p, nil
}

// preferenceHint says what a preference may be.
var preferenceHint = map[string]string{
	preferReturn:      "return is minimal or representation",
	preferMaxAffected: "max-affected is a whole number, 0 or more",
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
	}
	return false
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
