package secrets

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// A Ref names a secret: all of what it is now if it has neither field nor version.
type Ref struct {
	Name    string
	Field   string // of a value that is an object of JSON; empty is the whole value
	Version string // as the store names it; empty is the newest
}

// written is how a Ref is written: its name is the least that every store of
// secrets allows, with the slashes of Vault's paths.
var written = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._/-]*)(?:#([A-Za-z0-9_][A-Za-z0-9._-]*))?(?:@([A-Za-z0-9][A-Za-z0-9._-]*))?$`)

// ParseRef reads a Ref as name, name#field, name@version or name#field@version. It
// reports whether the text is one.
func ParseRef(text string) (Ref, bool) {
	parts := written.FindStringSubmatch(text)
	if parts == nil {
		return Ref{}, false
	}
	return Ref{Name: parts[1], Field: parts[2], Version: parts[3]}, true
}

// String returns what ParseRef reads.
func (r Ref) String() string {
	text := r.Name
	if r.Field != "" {
		text += "#" + r.Field
	}
	if r.Version != "" {
		text += "@" + r.Version
	}
	return text
}

// Of returns what r names of kept, which is all of the secret: kept itself, or the
// field of the JSON object that it is. A text is returned as the text it is, anything
// else as JSON; one line end at the end is dropped. Of returns fault.NotFound, for op,
// if there is no such field.
func (r Ref) Of(op, kept string) (string, error) {
	if r.Field == "" {
		return withoutLineEnd(kept), nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(kept), &fields) != nil || fields == nil {
		return "", fault.New(fault.NotFound, op, "the secret %.80s is no JSON object, and has no field %.60s", r.Name, r.Field).
			Hinting("leave out #%.60s, or keep the secret as an object such as {\"%.60s\": \"…\"}", r.Field, r.Field)
	}
	raw, ok := fields[r.Field]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return "", fault.New(fault.NotFound, op, "the secret %.80s has no field %.60s", r.Name, r.Field).
			Hinting("look at the spelling, in which capitals count")
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return withoutLineEnd(text), nil
}

// Unversioned returns fault.Unsupported, for op, if r names a version: of a source
// that keeps none.
func (r Ref) Unversioned(op, driver string) error {
	if r.Version == "" {
		return nil
	}
	return fault.New(fault.Unsupported, op, "the driver %s keeps no versions of secrets, so there is no version %.60s of %.80s", driver, r.Version, r.Name).
		Hinting("leave out @%.60s; vault, keyvault and secretmanager keep versions", r.Version)
}

func withoutLineEnd(text string) string {
	if rest, ended := strings.CutSuffix(text, "\n"); ended {
		return strings.TrimSuffix(rest, "\r")
	}
	return text
}
