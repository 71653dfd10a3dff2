package test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// longFiles are the Go files that are over 400 lines for a reason.
var longFiles = map[string]string{}

// TestPathsInDocumentationExist follows each relative link of the pages, and
// each path that the README's map and its reading list name.
func TestPathsInDocumentationExist(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	followed := 0
	for _, page := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, found[1])
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links were followed", followed)
	}
}

// TestTenMinutePath counts the lines of the files that the README says to read
// first: a stranger should know his way around after a thousand.
func TestTenMinutePath(t *testing.T) {
	readme := read(t, "../README.md")
	_, section, ok := strings.Cut(readme, "## Follow one request")
	if !ok {
		t.Fatal("the README has no section Follow one request")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	files := regexp.MustCompile(`\]\(([^)]+\.go)\)`).FindAllStringSubmatch(section, -1)
	if len(files) < 7 {
		t.Fatalf("the path has only %d files", len(files))
	}
	total := 0
	for _, file := range files {
		lines := strings.Count(read(t, filepath.Join("..", file[1])), "\n")
		t.Logf("%4d %s", lines, file[1])
		total += lines
	}
	if total >= 1000 {
		t.Errorf("the ten-minute path has %d lines, want fewer than 1000", total)
	}
}

// TestFilesAreShort fails for a Go file over 400 lines that has no reason.
func TestFilesAreShort(t *testing.T) {
	for _, file := range goFiles(t) {
		lines := bytes.Count([]byte(read(t, file)), []byte("\n"))
		if lines > 400 && !strings.HasSuffix(file, "_test.go") && longFiles[file] == "" {
			t.Errorf("%s has %d lines: is it two ideas?", file, lines)
		}
	}
}

// TestEverythingIsCommented wants a comment on every package, in one file of
// it, and on everything exported that is not in a test.
func TestEverythingIsCommented(t *testing.T) {
	comments := map[string]int{}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(file)
		comments[dir] += 0
		if parsed.Doc != nil {
			comments[dir]++
		}
		for _, declaration := range parsed.Decls {
			checkComment(t, file, declaration)
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", dir, n)
		}
	}
}

func checkComment(t *testing.T, file string, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !wellKnown[d.Name.Name] {
			t.Errorf("%s: %s has no comment", file, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				t.Errorf("%s: %s has no comment", file, s.Name.Name)
			}
		}
	}
}

// wellKnown are methods whose meaning is that of an interface everybody knows.
var wellKnown = map[string]bool{
	"Error": true, "Unwrap": true, "String": true, "Len": true, "Less": true, "Swap": true,
	"Read": true, "Write": true, "Close": true, "ServeHTTP": true, "Scan": true,
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

// TestNoEngineNamesOutsideTheirAdapters keeps code that is shared from knowing
// which technology it runs on. The table of drivers names them, and the table of
// profiles, which have the names of the configurations that they write. So do the
// programs below test/load, which compare Portolan with what it runs on, and those
// below test/servers, which start it.
func TestNoEngineNamesOutsideTheirAdapters(t *testing.T) {
	name := regexp.MustCompile(`"(sqlite|postgres|sqlserver|datastore|redis|bigcache)"`)
	for _, file := range goFiles(t) {
		slash := filepath.ToSlash(file)
		mayName := slash == "../bootstrap/drivers.go" || slash == "../bootstrap/initialise.go" ||
			strings.HasPrefix(slash, "../adapters/") || strings.HasPrefix(slash, "../test/load/") || strings.HasPrefix(slash, "../test/servers/") || strings.HasSuffix(file, "_test.go")
		if mayName {
			continue
		}
		if found := name.FindString(read(t, file)); found != "" {
			t.Errorf("%s names %s", file, found)
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	return walk(t, ".md")
}

func goFiles(t *testing.T) []string {
	t.Helper()
	return walk(t, ".go")
}

// walk returns the files of the repository that end in suffix.
func walk(t *testing.T, suffix string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && file != ".." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, suffix) {
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
