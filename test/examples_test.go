package test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestYAMLInDocumentationIsValid validates every YAML block of the pages, as
// somebody would who pastes it into a file.
func TestYAMLInDocumentationIsValid(t *testing.T) {
	elsewhere := regexp.MustCompile(`example\.com|project:|: /(etc|run)/`) // what is not here
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	blocks := 0
	for _, page := range pages(t) {
		for i, found := range block.FindAllStringSubmatch(read(t, page), -1) {
			blocks++
			name := fmt.Sprintf("%s, block %d", strings.TrimPrefix(page, "../"), i+1)
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				text := found[1]
				if !strings.Contains(text, "collections:") { // it shows another section
					text += "collections: {things: {fields: {name: {type: string}}}}\n"
				}
				write(t, dir, "portolan.yaml", text)
				args := []string{"validate"}
				if elsewhere.MatchString(text) {
					args = append(args, "--offline")
				}
				mustRun(t, dir, "portolan", args...)
			})
		}
	}
	if blocks < 3 {
		t.Errorf("only %d blocks were found", blocks)
	}
}

// TestProblemCodesAreStable keeps the codes that docs/api.md names from being
// renamed in passing.
func TestProblemCodesAreStable(t *testing.T) {
	var source strings.Builder
	for _, file := range goFiles(t) {
		if !strings.HasSuffix(file, "_test.go") {
			source.WriteString(read(t, file))
		}
	}
	codes := regexp.MustCompile("\"code\":\"([a-z-]+)\"|code `([a-z-]+)`").FindAllStringSubmatch(read(t, "../docs/api.md")+read(t, "../docs/query.md"), -1)
	if len(codes) < 3 {
		t.Errorf("only %d codes are named", len(codes))
	}
	for _, code := range codes {
		if name := code[1] + code[2]; !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("the documentation names the code %s, which is nowhere in the program", name)
		}
	}
}
