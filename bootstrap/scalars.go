package bootstrap

import (
	"encoding"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

var (
	durationType  = reflect.TypeFor[time.Duration]()
	secretType    = reflect.TypeFor[secrets.Value]()
	textInterface = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// secretScheme begins a value that is kept by the secrets port.
const secretScheme = "secret://"

// variable is a reference to the environment: ${NAME} or ${NAME:-default}. A
// dollar sign before it makes it plain text: $${NAME}.
var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// variableName is what a variable of the environment may be called.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// isScalar reports whether values of the type are written as one word.
func isScalar(t reflect.Type) bool {
	if t == durationType || t == secretType || reflect.PointerTo(t).Implements(textInterface) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// scalar reads one word into the value.
func (d *decoder) scalar(node *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	text, ok := d.text(node, path)
	if !ok {
		return
	}
	if allowed := enumOf(tag); allowed != nil && !slices.Contains(allowed, text) {
		d.mistake(node, path, "%s is not allowed%s", quoted(text), unknown(text, "the allowed values", allowed))
		return
	}
	if problem := d.set(into, text); problem != "" {
		d.mistake(node, path, "%s", problem)
		return
	}
	if problem := checkMinimum(into, tag); problem != "" {
		d.mistake(node, path, "%s", problem)
	}
}

// text returns what is written at the node, with the environment put in.
func (d *decoder) text(node *yaml.Node, path string) (string, bool) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		d.mistake(node, path, "one value belongs here, not %s", kindOf(node))
		return "", false
	}
	ok := true
	text := variable.ReplaceAllStringFunc(node.Value, func(match string) string {
		if strings.HasPrefix(match, "$$") {
			return match[1:]
		}
		name, fallback, hasFallback := strings.Cut(match[2:len(match)-1], ":-")
		if !variableName.MatchString(name) {
			d.mistake(node, path, "%s does not name a variable; write ${NAME} or ${NAME:-default}", quoted(match))
			ok = false
			return ""
		}
		value, set := d.env(name)
		if set && value != "" || set && !hasFallback {
			return value
		}
		if !hasFallback {
			d.mistake(node, path, "the environment variable %s is not set; set it, or write ${%s:-default}", name, name)
			ok = false
		}
		return fallback
	})
	return text, ok
}

// set puts the text into the value, and returns a sentence if it does not fit.
func (d *decoder) set(into reflect.Value, text string) string {
	if into.Type() == secretType {
		value, _, problem := d.bind(text)
		if problem == "" {
			into.Set(reflect.ValueOf(value))
		}
		return problem
	}
	if strings.HasPrefix(text, secretScheme) {
		_, now, problem := d.bind(text)
		if problem != "" {
			return problem
		}
		if d.secret == nil && into.Kind() != reflect.String {
			return "" // what the secret holds is not known yet
		}
		text = now
	}
	return setPlain(into, text)
}

// setPlain puts the text into a value of any scalar type but a secret's.
func setPlain(into reflect.Value, text string) string {
	if into.Type() == durationType {
		duration, err := time.ParseDuration(text)
		if err != nil || duration < 0 {
			return quoted(text) + " is no duration; write one like 500ms, 2s or 10m"
		}
		into.SetInt(int64(duration))
		return ""
	}
	if own, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if own.UnmarshalText([]byte(text)) != nil {
			return quoted(text) + " cannot be read as " + example(into.Type())
		}
		return ""
	}
	switch {
	case into.Kind() == reflect.String:
		into.SetString(text)
	case into.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return quoted(text) + " is neither true nor false"
		}
		into.SetBool(text == "true")
	case into.CanInt():
		n, err := strconv.ParseInt(text, 10, into.Type().Bits())
		if err != nil {
			return quoted(text) + " is no whole number that fits here"
		}
		into.SetInt(n)
	case into.CanUint():
		n, err := strconv.ParseUint(text, 10, into.Type().Bits())
		if err != nil {
			return quoted(text) + " is no whole number, zero or more, that fits here"
		}
		into.SetUint(n)
	case into.CanFloat():
		n, err := strconv.ParseFloat(text, into.Type().Bits())
		if err != nil {
			return quoted(text) + " is no number"
		}
		into.SetFloat(n)
	}
	return ""
}

// example says how a type that reads itself from text is written.
func example(t reflect.Type) string {
	switch t.String() {
	case "netip.Prefix":
		return "a range of addresses; write one like 10.0.0.0/8"
	case "netip.Addr":
		return "an address; write one like 10.0.0.1"
	case "bootstrap.Date":
		return "a date; write one like 2026-01-31, or 2026-01-31T12:00:00Z"
	}
	return t.String()
}

// bind returns the secret that the text refers to, and what it is now. Text
// that refers to none is a secret that never changes.
func (d *decoder) bind(text string) (value secrets.Value, now, problem string) {
	written, refers := strings.CutPrefix(text, secretScheme)
	if !refers {
		return secrets.Fixed(text), text, ""
	}
	ref, ok := secrets.ParseRef(written)
	if !ok {
		return nil, "", badSecretName(text)
	}
	if other := d.spell(ref.Name); other != ref.Name {
		return nil, "", "the secrets " + other + " and " + ref.Name + " differ in capitals alone, which not every store tells apart; write one of them, or give one another name"
	}
	if d.secret == nil {
		return secrets.Fixed(text), text, ""
	}
	value, now, err := d.secret(ref)
	if err != nil {
		return nil, "", noSecret(ref, err)
	}
	return value, now, ""
}

// spell returns how the name was written first in this document.
func (d *decoder) spell(name string) string {
	if d.spelt == nil {
		return name
	}
	folded := strings.ToLower(name)
	if _, known := d.spelt[folded]; !known {
		d.spelt[folded] = name
	}
	return d.spelt[folded]
}

func badSecretName(text string) string {
	return quoted(text) + " does not name a secret; write secret://name with letters, digits, dots, dashes and slashes, and #field or @version behind it if that is meant"
}

// noSecret says why a secret could not be had, and what would help. The detail of a
// fault never holds a value.
func noSecret(ref secrets.Ref, err error) string {
	why := fault.Of(err)
	said := "the secret " + ref.String() + " cannot be had: " + why.Detail
	if why.Hint != "" {
		said += "; " + why.Hint
	}
	return said
}

// checkMinimum returns a sentence if the number is less than the tag allows.
func checkMinimum(value reflect.Value, tag reflect.StructTag) string {
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		text, ok := strings.CutPrefix(part, "minimum=")
		if !ok {
			continue
		}
		least, err := strconv.ParseInt(text, 10, 64)
		if err == nil && value.CanInt() && value.Int() < least {
			return "the least allowed is " + text
		}
	}
	return ""
}
