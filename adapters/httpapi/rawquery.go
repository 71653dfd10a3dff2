package httpapi

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// options are the options of a request's query, in the order they came.
type options []option

// An option is one name with its value, both decoded.
type option struct {
	name, value string
	bare        bool // there was no "="
}

// get returns the value of the option of the given name, if it is there.
func (o options) get(name string) (string, bool) {
	for _, each := range o {
		if each.name == name {
			return each.value, true
		}
	}
	return "", false
}

// with returns the query with one option replaced or added, encoded.
func (o options) with(name, value string) string {
	var b strings.Builder
	size := len(name) + len(value) + 1
	for _, each := range o {
		size += len(each.name) + 2*len(each.value) + 2
	}
	b.Grow(size) // enough, unless more is escaped than usual
	for _, each := range o {
		if each.name == name {
			continue
		}
		writeEscaped(&b, each.name)
		if !each.bare {
			b.WriteByte('=')
			writeEscaped(&b, each.value)
		}
		b.WriteByte('&')
	}
	writeEscaped(&b, name)
	b.WriteByte('=')
	writeEscaped(&b, value)
	return b.String()
}

// spoken are the characters besides letters and digits that a query may hold as
// they are and that keep it readable. None needs escaping in JSON, or ends the
// <…> of a Link header.
const spoken = "-._~$'()*,:@/!"

// writeEscaped writes s as part of a query.
func writeEscaped(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(spoken, c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// credentialNames are parameters that would hold a credential, which a URL must
// not: URLs end up in logs, histories and referrers.
var credentialNames = []string{
	"api_key", "apikey", "api-key", "x-api-key", "key", "access_token", "token", "id_token", "auth",
	"authorization", "bearer", "password", "jwt", "secret",
}

// parseQuery reads the raw query of a URL whose operation knows the given
// options. Unlike net/url it keeps ";" as it is, and refuses what it does not
// understand: bad escapes, repeated options, unknown ones.
//
// A "+" is a space as long as nothing in the query is written %20. Clients that
// encode spaces as "+" never write %20, and always write %2B for a plus sign;
// those that write %20 may leave a plus sign as it is, in a time zone say.
func parseQuery(raw string, known []string) (options, error) {
	const op = "httpapi.parseQuery"
	if !strings.Contains(raw, "%20") {
		raw = strings.ReplaceAll(raw, "+", "%20")
	}
	var parsed options
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, valued := strings.Cut(pair, "=")
		name, err := url.PathUnescape(rawName) // unlike QueryUnescape, it leaves "+" alone
		if err != nil || !utf8.ValidString(name) {
			return nil, fault.New(fault.Invalid, op, "the name of a parameter is not percent-encoded UTF-8").Coded("bad-encoding")
		}
		if err := checkName(name, known); err != nil {
			return nil, err
		}
		value, err := url.PathUnescape(rawValue)
		if err != nil || !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
			return nil, badOption("bad-encoding", name, "the value of %s is not percent-encoded UTF-8 without NUL", name)
		}
		if _, twice := parsed.get(name); twice {
			return nil, badOption("repeated-option", name, "%s is given more than once", name)
		}
		if value == "" && (valued || name != "$count") {
			return nil, badOption("empty-option", name, "%s has no value", name)
		}
		parsed = append(parsed, option{name, value, !valued})
	}
	return parsed, nil
}

// checkName refuses a parameter that is not among the known options. What it
// says never has the name of something that looks like a credential.
func checkName(name string, known []string) error {
	const op = "httpapi.parseQuery"
	for _, each := range known {
		if name == each {
			return nil
		}
	}
	for _, each := range credentialNames {
		if strings.EqualFold(strings.TrimPrefix(name, "$"), each) {
			return fault.New(fault.Invalid, op, "a credential does not belong into a URL").Coded("credential-in-url").
				Hinting("send it in Authorization or X-API-Key, and replace it: URLs are logged on their way")
		}
	}
	err := fault.New(fault.Invalid, op, "%s is no option here", quoted(name)).Coded("unknown-option").
		At(fault.Place{Pointer: shortened(name), Code: "unknown-option", Detail: "it is not known here"})
	near := fault.Nearest(name, known)
	if near == "" {
		near = fault.Nearest("$"+name, known)
	}
	switch {
	case near != "":
		return err.Hinting("did you mean %s?", near)
	case len(known) == 0:
		return err.Hinting("this request takes no options in its URL")
	}
	return err.Hinting("the options are %s", strings.Join(known, ", "))
}

// badOption is the error for an option that cannot be read.
func badOption(code, name, format string, args ...any) *fault.Error {
	err := fault.New(fault.Invalid, "httpapi.parseQuery", format, args...).Coded(code)
	return err.At(fault.Place{Pointer: name, Code: code, Detail: err.Detail})
}
