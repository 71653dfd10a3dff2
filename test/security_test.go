package test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	namedTest    = regexp.MustCompile("`(Test\\w+)`")
	requirement  = regexp.MustCompile(`^\| \d+ \|`)
)

// TestSecurityPage: every test that docs/security.md names is there, and no requirement
// is without one, or without the reason why it is struck.
func TestSecurityPage(t *testing.T) {
	there := make(map[string]bool)
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		for _, found := range testFunction.FindAllStringSubmatch(read(t, file), -1) {
			there[found[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	requirements := 0
	for line := range strings.Lines(read(t, filepath.Join("..", "docs", "security.md"))) {
		named := namedTest.FindAllStringSubmatch(line, -1)
		for _, each := range named {
			if !there[each[1]] {
				t.Errorf("there is no %s, which is named by: %s", each[1], line)
			}
		}
		if !requirement.MatchString(line) {
			continue
		}
		requirements++
		if len(named) == 0 && !strings.Contains(line, "struck: ") {
			t.Errorf("no test is named, and nothing says why it is struck: %s", line)
		}
	}
	if requirements < 15 {
		t.Errorf("only %d requirements are there: is the page read?", requirements)
	}
}
