package bootstrap

import (
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// masked stands for what is not shown.
const masked = "***"

// secretKey are names of settings whose values are secret.
var secretKey = regexp.MustCompile(`(?i)(^|_)(dsn|password|passwd|secret|secret_id|token|pepper|credentials?|[a-z]*key)$`)

// password is a password in a URL.
var password = regexp.MustCompile(`(://[^:/@\s]*:)[^@\s]*@`)

// mask returns a copy of the node without secrets: the values of settings with
// a name like password, and passwords in URLs. References to secrets and to the
// environment tell nothing, and stay.
func mask(node *yaml.Node, key string) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	hidden := *node
	hidden.Anchor = ""
	hidden.Content = make([]*yaml.Node, len(node.Content))
	for i, item := range node.Content {
		within := ""
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				hidden.Content[i] = item
				continue
			}
			within = node.Content[i-1].Value
		}
		hidden.Content[i] = mask(item, within)
	}
	if node.Kind == yaml.ScalarNode {
		hidden.Value = maskText(key, node.Value)
	}
	return &hidden
}

func maskText(key, text string) string {
	rest := variable.ReplaceAllString(text, "")
	if strings.HasPrefix(text, secretScheme) || rest == "" && !strings.Contains(text, ":-") || text == "true" || text == "false" {
		return text
	}
	if secretKey.MatchString(key) {
		return masked
	}
	return password.ReplaceAllString(text, "${1}"+masked+"@")
}

// effective returns the configuration as it counts, as YAML.
func (s *settings) effective() *yaml.Node {
	node := encode(reflect.ValueOf(s.Config), "")
	for _, chosen := range []struct {
		key     string
		choices []Choice
		drivers []Driver
	}{
		{"repository", []Choice{s.Repository}, []Driver{s.repository}},
		{"cache", []Choice{s.Cache}, []Driver{s.cache}},
		{"near_cache", []Choice{s.NearCache}, []Driver{s.nearCache}},
		{"limit", []Choice{s.Limit}, []Driver{s.limit}},
		{"secrets", []Choice{s.Secrets}, []Driver{s.secrets}},
		{"keys", []Choice{s.Keys}, []Driver{s.keys}},
		{"auth", s.Auth, s.auth},
		{"telemetry", s.Telemetry, s.telemetry},
	} {
		at := child(node, chosen.key)
		for i, choice := range chosen.choices {
			if !choice.given() {
				continue
			}
			into := at
			if at.Kind == yaml.SequenceNode {
				into = at.Content[i]
			}
			put(into, "driver", text(choice.Driver))
			put(into, choice.Driver, encode(chosen.drivers[i].settings, ""))
		}
	}
	return node
}

func text(value string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(value)
	return node
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, text(key), value)
}

// encode returns a value as the decoder would read it, but with secrets masked
// and what is not set left out.
func encode(value reflect.Value, key string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	switch v := value.Interface().(type) {
	case Choice:
		return node // filled in by whoever knows its driver
	case Rule:
		if v.Where == "" {
			return plain("!!bool", boolText(v.Allowed))
		}
		put(node, "where", text(v.Where))
		return node
	case time.Duration:
		return text(v.String())
	}
	if entries, ok := value.Interface().(interface {
		each(func(string, reflect.Value))
	}); ok {
		entries.each(func(name string, entry reflect.Value) { put(node, name, encode(entry, "")) })
		return node
	}
	if value.Type() == secretType {
		return text(masked)
	}
	switch value.Kind() {
	case reflect.Pointer:
		return encode(value.Elem(), key)
	case reflect.Struct:
		if stringer, ok := value.Interface().(interface{ MarshalText() ([]byte, error) }); ok {
			octets, _ := stringer.MarshalText() // of an address, which has no error
			return text(string(octets))
		}
		_, complete := reflect.New(value.Type()).Interface().(hasDefaults) // zero is not what it is without being given
		for _, f := range fieldsOf(value.Type()) {
			if inner := value.FieldByIndex(f.index); !inner.IsZero() || complete && isScalar(inner.Type()) && inner.Type() != secretType {
				put(node, f.key, encode(inner, f.key))
			}
		}
		return node
	case reflect.Slice:
		node.Kind = yaml.SequenceNode
		for i := range value.Len() {
			node.Content = append(node.Content, encode(value.Index(i), key))
		}
		return node
	case reflect.Map:
		for _, name := range value.MapKeys() {
			put(node, name.String(), encode(value.MapIndex(name), name.String()))
		}
		return node
	}
	return encodeScalar(value, key)
}

func encodeScalar(value reflect.Value, key string) *yaml.Node {
	switch {
	case value.Kind() == reflect.Bool:
		return plain("!!bool", boolText(value.Bool()))
	case value.Kind() == reflect.String:
		return text(maskText(key, value.String()))
	}
	node := &yaml.Node{}
	_ = node.Encode(value.Interface()) // a number, which has no error
	return node
}

func plain(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
