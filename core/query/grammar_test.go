package query

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// The published grammar has every word of the language.
func TestGrammarHasEveryWord(t *testing.T) {
	published, err := os.ReadFile("../../docs/query.abnf")
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(operandWords, logicWords, comparisonWords, sumWords, productWords,
		slices.Collect(maps.Keys(filterFunctions)), slices.Collect(maps.Keys(functions)),
		[]string{claimPrefix, "asc", "desc", "filter", "groupby", "aggregate", "as", "with"})
	for op := All; op <= Has; op++ {
		words = append(words, op.String())
	}
	for _, word := range words {
		if !strings.Contains(string(published), `%s"`+word+`"`) {
			t.Errorf("docs/query.abnf does not have %q", word)
		}
	}
}

// Each rule of the grammar is defined once, and each that is used is defined.
func TestGrammarIsClosed(t *testing.T) {
	published, err := os.ReadFile("../../docs/query.abnf")
	if err != nil {
		t.Fatal(err)
	}
	core := []string{"ALPHA", "DIGIT", "DQUOTE", "SP", "HTAB", "CR", "LF"}
	defined, used := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(published)) {
		line = withoutQuotes(line)
		if name, _, ok := strings.Cut(line, " = "); ok && line[0] != ' ' {
			name = strings.TrimSpace(name)
			if defined[name] {
				t.Errorf("the rule %s is defined twice", name)
			}
			defined[name] = true
			line = line[strings.Index(line, "="):]
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ()[]/*=\n0123456789", r) }) {
			used[word] = true
		}
	}
	for word := range used {
		if !defined[word] && !slices.Contains(core, word) && !strings.HasPrefix(word, "%") {
			t.Errorf("the rule %q is used and not defined", word)
		}
	}
	if len(defined) < 30 {
		t.Errorf("%d rules are defined, want the whole grammar", len(defined))
	}
}

// withoutQuotes returns a line of ABNF without strings, ranges and comments.
func withoutQuotes(line string) string {
	var kept []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			continue
		}
		before, _, comment := strings.Cut(part, ";")
		for _, word := range strings.Fields(before) {
			if strings.Contains(word, "%x") {
				before = strings.Replace(before, word, "", 1)
			}
		}
		kept = append(kept, strings.ReplaceAll(before, "%s", ""))
		if comment {
			break
		}
	}
	return strings.Join(kept, " ")
}
