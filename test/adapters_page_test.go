package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/ports/repository"
)

var update = flag.Bool("update", false, "write docs/adapters.md anew")

// A section is a part of the JSON Schema of configurations.
type section struct {
	Description string
	Properties  map[string]section
	AnyOf       []section
	Items       *section
	Enum        []string
}

// whole returns the section itself, of which the schema may give more than one form.
func (s section) whole() section {
	for _, form := range append(slices.Clone(s.AnyOf), s) {
		if len(form.Properties) > 0 {
			return form
		}
	}
	return s
}

// names returns those that are listed in any form of the section.
func (s section) names() []string {
	listed := slices.Clone(s.Enum)
	for _, form := range s.AnyOf {
		listed = append(listed, form.Enum...)
	}
	return listed
}

// TestAdaptersPage keeps docs/adapters.md to what the program has: its drivers, the
// comments of their settings, and what their stores say they can do. With -update it
// writes the page.
func TestAdaptersPage(t *testing.T) {
	const path = "../docs/adapters.md"
	var schema section
	if err := json.Unmarshal([]byte(read(t, "../configs/portolan.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	page := read(t, path)
	before, _, found := strings.Cut(page, generated)
	if !found {
		t.Fatalf("%s has no line %q", path, generated)
	}
	want := before + generated + adapters(t, schema, page)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("%s is not what the program has (-want +got):\n%s\nmake docs writes it", path, diff)
	}
}

const generated = "<!-- generated: what follows is written by make docs -->\n"

// adapters returns the generated part of the page.
func adapters(t *testing.T, schema section, page string) string {
	t.Helper()
	var out strings.Builder
	for _, port := range []string{"repository", "cache", "limit", "secrets", "keys", "auth", "telemetry"} {
		fmt.Fprintf(&out, "\n## %s\n", port)
		at := schema.Properties[port].whole()
		if items := schema.Properties[port].Items; items != nil {
			at = items.whole()
		}
		for _, driver := range at.Properties["driver"].names() {
			fmt.Fprintf(&out, "\n### [%s](../adapters/%s/README.md)\n\n", driver, folder(port, driver))
			if port == "repository" {
				fmt.Fprintf(&out, "%s\n\n", capabilities(t, driver, page))
			}
			settings(&out, at.Properties[driver].whole())
		}
	}
	return out.String()
}

// folder returns that of the driver's package.
func folder(port, driver string) string {
	switch {
	case driver == "transit":
		return "vault"
	case port == "keys" && driver == "local":
		return "keeper"
	case driver == "otlp":
		return "otel"
	}
	return driver
}

// settings writes the table of a driver's settings.
func settings(out *strings.Builder, s section) {
	if len(s.Properties) == 0 {
		fmt.Fprintf(out, "It has no settings.\n")
		return
	}
	fmt.Fprint(out, "| setting | meaning |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		fmt.Fprintf(out, "| `%s` | %s |\n", key, strings.ReplaceAll(sentence(s.Properties[key].Description), "|", `\|`))
	}
}

// sentence returns the comment of a field without its name, which the key has
// already.
func sentence(comment string) string {
	comment = regexp.MustCompile(`^\w+ (is|are|says|names) `).ReplaceAllString(comment, "")
	for i, r := range comment {
		return string(unicode.ToUpper(r)) + comment[i+len(string(r)):]
	}
	return comment
}

// capabilities says what a store can do: of one that cannot be opened here, what the
// page says.
func capabilities(t *testing.T, driver, page string) string {
	t.Helper()
	said := regexp.MustCompile(`(?m)^### \[` + driver + `\].*\n\n(.*)$`).FindStringSubmatch(page)
	line := ""
	if said != nil {
		line = said[1]
	}
	t.Run(driver, func(t *testing.T) {
		store, err := stores[driver](t)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		line = describe(store.Capabilities())
	})
	return line
}

func describe(c repository.Capabilities) string {
	outlives, serves := "What is stored ends with the process.", "It serves every filter, order and aggregate itself."
	if c.Durable {
		outlives = "What is stored outlives the process."
	}
	if c.Split != nil {
		serves = "It serves some filters and orders itself; the core completes them by a bounded scan, or refuses by name."
	}
	return outlives + " " + serves
}
