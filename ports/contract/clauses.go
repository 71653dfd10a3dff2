package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// Sentences returns the sentences of the comments of every interface in the Go
// file, and of its methods, each on one line and without its full stop.
func Sentences(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var sentences []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		declared, ok := node.(*ast.GenDecl)
		if !ok || declared.Tok != token.TYPE {
			return true
		}
		for _, spec := range declared.Specs {
			named := spec.(*ast.TypeSpec)
			if methods, ok := named.Type.(*ast.InterfaceType); ok {
				sentences = append(sentences, split(declared.Doc.Text()+"\n\n"+named.Doc.Text())...)
				for _, method := range methods.Methods.List {
					sentences = append(sentences, split(method.Doc.Text())...)
				}
			}
		}
		return false
	})
	return sentences, nil
}

// split returns the sentences of a comment.
func split(comment string) []string {
	var sentences []string
	for _, paragraph := range strings.Split(comment, "\n\n") {
		text := strings.Join(strings.Fields(paragraph), " ")
		for text != "" {
			sentence, rest, _ := strings.Cut(text, ". ")
			sentences = append(sentences, strings.TrimSuffix(sentence, "."))
			text = rest
		}
	}
	return sentences
}

// Disagreements compares a suite with the comments of the interfaces in the
// Go file. It returns a line for each clause that no comment contains and for
// each sentence that no clause touches, but for those among descriptions, which
// promise nothing.
func Disagreements[S any](file string, cases []Case[S], descriptions ...string) ([]string, error) {
	sentences, err := Sentences(file)
	if err != nil {
		return nil, err
	}
	var lines []string
	whole := strings.Join(sentences, ". ") + "."
	quoted := slices.Clone(descriptions)
	for _, c := range cases {
		if c.Clause == "" || !strings.Contains(whole, c.Clause) {
			lines = append(lines, fmt.Sprintf("case %s quotes what %s does not say: %q", c.Name, file, c.Clause))
			continue
		}
		quoted = append(quoted, c.Clause)
	}
	for _, sentence := range sentences {
		touches := func(clause string) bool {
			return strings.Contains(sentence, strings.TrimSuffix(clause, ".")) || strings.Contains(clause, sentence)
		}
		if !slices.ContainsFunc(quoted, touches) {
			lines = append(lines, fmt.Sprintf("no case proves %q", sentence))
		}
	}
	return lines, nil
}
