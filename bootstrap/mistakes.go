package bootstrap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core/fault"
)

// A mistake is one thing wrong with a configuration: where, and a sentence that
// says what would be right.
type mistake struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Path   string `json:"path"` // "collections.products.fields.price"; empty is the whole file
	Detail string `json:"detail"`
}

// String returns the line that a terminal shows, in the form that editors
// follow: file, line, what.
func (m mistake) String() string {
	where := m.File
	if m.Line > 0 {
		where = fmt.Sprintf("%s:%d", m.File, m.Line)
	}
	if m.Path == "" {
		return where + ": " + m.Detail
	}
	return where + ": " + m.Path + ": " + m.Detail
}

// mistakes are all that was found wrong with a configuration. As an error they
// are one line each.
type mistakes []mistake

// Error returns the mistakes, a line each.
func (m mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Is makes mistakes count as fault.Invalid.
func (m mistakes) Is(target error) bool { return target == fault.Invalid }

// err returns the mistakes file by file and in the order of their lines, or nil
// if there are none.
func (m mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	files := make(map[string]int)
	for _, one := range m {
		if _, seen := files[one.File]; !seen {
			files[one.File] = len(files)
		}
	}
	slices.SortStableFunc(m, func(a, b mistake) int {
		return cmp.Or(files[a.File]-files[b.File], a.Line-b.Line)
	})
	return m
}

// add notes a mistake at the node.
func (m *mistakes) add(file string, node *yaml.Node, path, format string, args ...any) {
	line := 0
	if node != nil {
		line = node.Line
	}
	*m = append(*m, mistake{file, line, path, fmt.Sprintf(format, args...)})
}

// unknown is the end of a sentence about a name that is not known: what was
// probably meant, and what is allowed.
func unknown(name, plural string, allowed []string) string {
	text := ""
	if near := fault.Nearest(name, allowed); near != "" {
		text = "; did you mean " + near + "?"
	}
	if len(allowed) == 0 {
		return text
	}
	rest := plural + " are " + enumerate(allowed, "and")
	if len(allowed) == 1 {
		rest = "the only one is " + allowed[0]
	}
	if text == "" {
		return "; " + rest
	}
	return text + " " + strings.ToUpper(rest[:1]) + rest[1:]
}

// enumerate joins names as a sentence does: "a, b and c".
func enumerate(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
