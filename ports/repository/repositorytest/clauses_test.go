package repositorytest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// contractFiles are the files whose comments are the contract.
var contractFiles = []string{"../repository.go", "../load.go", "../precondition.go", "../batch.go"}

// descriptions are the sentences of the contract that promise nothing of a
// store: they say what a word means, or what the caller does.
var descriptions = []string{
	"A Store keeps records",
	"It knows nothing of callers, policies or references: what it is asked is already narrowed and already valid",
	"A Page is a part of a query's rows",
	"the weakest store's limit",
	"long records do not make a page take all memory",
	"An Op is what a [Mutation] does",
	"The mutations",
	"A Mutation is one step of a batch",
	"A Load is rows to store in bulk",
	"their revisions begin with Run",
	"Mark, if not nil, returns what to apply",
	"and may be called more than once for the same n",
	"Loaded says how far a [Load] came",
	"Capabilities are what a [Store] does itself",
	"What it does not, the core does by filtering a bounded scan",
	"Replica says that Stale makes a difference",
	"The preconditions without a revision",
	"A BatchError is why a batch was not applied",
	"It unwraps to Err",
}

// sentence is one of the contract's, on one line and without its full stop.
type sentence struct{ text, at string }

// sentences returns those of all comments on types, constants and variables and
// on their parts. A comment at the end of a line is taken as it is.
func sentences(t *testing.T) (all []sentence, whole string) {
	t.Helper()
	files := token.NewFileSet()
	for _, name := range contractFiles {
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range commentsOf(file) {
			for _, paragraph := range strings.Split(group.Text(), "\n\n") {
				text := strings.Join(strings.Fields(paragraph), " ")
				whole += text + "\n"
				for text != "" {
					first, rest, _ := strings.Cut(text, ". ")
					all = append(all, sentence{strings.TrimSuffix(first, "."), files.Position(group.Pos()).String()})
					text = rest
				}
			}
		}
	}
	return all, whole
}

// commentsOf returns the comments of the file's declarations but functions,
// which are code that their own tests prove.
func commentsOf(file *ast.File) []*ast.CommentGroup {
	var groups []*ast.CommentGroup
	add := func(some ...*ast.CommentGroup) {
		for _, group := range some {
			if group != nil {
				groups = append(groups, group)
			}
		}
	}
	for _, declared := range file.Decls {
		general, ok := declared.(*ast.GenDecl)
		if !ok || general.Tok == token.IMPORT {
			continue
		}
		ast.Inspect(general, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.GenDecl:
				add(node.Doc)
			case *ast.TypeSpec:
				add(node.Doc, node.Comment)
			case *ast.ValueSpec:
				add(node.Doc, node.Comment)
			case *ast.Field:
				add(node.Doc, node.Comment)
			}
			return true
		})
	}
	return groups
}

// quotes returns what the cases quote, by the name of the case.
func quotes() map[string][]string {
	quoted := make(map[string][]string)
	for _, c := range repositorytest.Cases() {
		quoted[c.Name] = strings.Split(c.Clause, "\n")
	}
	for _, c := range repositorytest.DurableCases() {
		quoted[c.Name] = strings.Split(c.Clause, "\n")
	}
	for _, c := range repositorytest.UnmanagedCases() {
		quoted[c.Name] = strings.Split(c.Clause, "\n")
	}
	return quoted
}

// Each case quotes the contract word for word.
func TestCasesQuoteTheContract(t *testing.T) {
	_, whole := sentences(t)
	for name, clauses := range quotes() {
		for _, clause := range clauses {
			if clause == "" || !strings.Contains(whole, clause) {
				t.Errorf("the case %s quotes what the contract does not say: %q", name, clause)
			}
		}
	}
}

// Each sentence of the contract is quoted, as far as it goes, by some cases, or
// is listed as a description.
func TestContractIsProved(t *testing.T) {
	var known []string
	for _, clauses := range quotes() {
		known = append(known, clauses...)
	}
	all, whole := sentences(t)
	for _, description := range descriptions {
		if !strings.Contains(whole, description) {
			t.Errorf("the contract has no description %q", description)
		}
	}
	known = append(known, descriptions...)
	for _, s := range all {
		if rest := unproved(s.text, known); strings.Trim(rest, " ,;:.") != "" {
			t.Errorf("%s: no case proves %q of %q", s.at, rest, s.text)
		}
	}
}

// unproved returns what is left of the sentence without what is known of it.
func unproved(text string, known []string) string {
	known = slices.Clone(known)
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) })
	if slices.ContainsFunc(known, func(clause string) bool { return strings.Contains(clause, text) }) {
		return ""
	}
	for _, clause := range known {
		text = strings.ReplaceAll(text, strings.TrimSuffix(clause, "."), "")
	}
	return text
}

// Names are unique, because a failure is known by them.
func TestCaseNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range repositorytest.Cases() {
		if seen[c.Name] {
			t.Errorf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
	}
}
