package test

import (
	"fmt"
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

// secretive are names of what nobody may find out octet by octet, by how long it takes to
// be compared.
var secretive = regexp.MustCompile(`(?i)(secret|password|pepper|hmac|signature|verifier|nonce)$|^(\w*mac|hash|digest|token|cookie)$`)

// comparing are functions that stop at the first difference.
var comparing = map[string]bool{"bytes.Equal": true, "bytes.Compare": true, "slices.Equal": true, "strings.EqualFold": true, "strings.Compare": true, "reflect.DeepEqual": true}

// noSecrets are comparisons of what has such a name and is no secret, each with why.
var noSecrets = map[string]string{
	"core/accounts.go: now.hash != was":                           "whether the account changed meanwhile; both are read from the store",
	"core/logins.go: now.hash != was":                             "the same",
	"core/verifications.go: now.hash != of.hash":                  "the same",
	"core/imports.go: earlier.digest != digest":                   "of a file that the caller has",
	"core/once.go: bytes.Equal(digest, cl.digest)":                "of a request that the caller sent",
	"adapters/layer/tokens.go: string(value[:n]) != token":        "of an entry in the cache, and given to nobody",
	"adapters/oauth/oauth.go: hash != halfHash(read.Alg, access)": "of a token, in another token that is signed",
}

// TestSecretsAreComparedInConstantTime looks for comparisons that take the longer the more
// is right, of whatever is called as secrets are. Texts that are written in the code are
// none, nor is whether there is something at all.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	found := map[string]bool{}
	for _, root := range []string{"../core", "../adapters", "../bootstrap"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, line := range hasty(t, path, source) {
				found[line] = true
				if noSecrets[line] == "" {
					t.Errorf("%s: compare it by hmac.Equal or subtle.ConstantTimeCompare, or say in noSecrets why it is no secret", line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for line := range noSecrets {
		if !found[line] {
			t.Errorf("%s stands in noSecrets, and nowhere else", line)
		}
	}
}

// TestHastyIsSeen shows that what is looked for is found.
func TestHastyIsSeen(t *testing.T) {
	const source = `package p
func f(givenSecret, secret string, mac []byte, token string) bool {
	if len(secret) == 3 || token == "" || secret == "never" || token != text.None { return true }
	return givenSecret == secret || bytes.Equal(mac, mac) || row.hash != other
}`
	if got := hasty(t, "p.go", []byte(source)); len(got) != 3 {
		t.Errorf("found %q, want three", got)
	}
}

// hasty returns the comparisons of a source, each as its file and its text.
func hasty(t *testing.T, path string, source []byte) (lines []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	note := func(n ast.Node) {
		text := source[files.Position(n.Pos()).Offset:files.Position(n.End()).Offset]
		lines = append(lines, fmt.Sprintf("%s: %s", strings.TrimPrefix(path, "../"), text))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && !known(n.X) && !known(n.Y) && (secretive.MatchString(lastName(n.X)) || secretive.MatchString(lastName(n.Y))) {
				note(n)
			}
		case *ast.CallExpr:
			if function, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 2 {
				pkg, _ := function.X.(*ast.Ident)
				if pkg != nil && comparing[pkg.Name+"."+function.Sel.Name] && (secretive.MatchString(lastName(n.Args[0])) || secretive.MatchString(lastName(n.Args[1]))) {
					note(n)
				}
			}
		}
		return true
	})
	return lines
}

// known reports whether what is compared stands in the code: a text, a number, nil, or a
// constant of a package.
func known(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.SelectorExpr:
		pkg, ok := e.X.(*ast.Ident)
		return ok && ast.IsExported(e.Sel.Name) && pkg.Name == strings.ToLower(pkg.Name) && len(pkg.Name) > 2
	}
	return false
}

// lastName returns the name of what is compared, or nothing.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return lastName(e.X)
	case *ast.SliceExpr:
		return lastName(e.X)
	case *ast.ParenExpr:
		return lastName(e.X)
	case *ast.StarExpr:
		return lastName(e.X)
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.Ident); ok && f.Name == "len" {
			return ""
		}
		if len(e.Args) == 1 { // a conversion
			return lastName(e.Args[0])
		}
		return lastName(e.Fun)
	}
	return ""
}
