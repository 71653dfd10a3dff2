package httpapi

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers of the testdata/*.http files anew")

// TestHTTP sends the requests of testdata/*.http, each file to a fresh server,
// and compares the answers. A file is a list of steps:
//
//	=== what the step shows
//	POST /v1/categories
//	Authorization: Bearer ada
//
//	{"id":4,"name":"Toys"}
//	---
//	201 Created
//	…
//
// Lines before the first step are for the reader. What differs from run to run
// has a name in the order of its appearance: <rev-1>, <cursor-1>, <id-1>; a
// request may use a name that an earlier answer gave. Headers that every answer
// has are left out: TestGuard looks at these.
func TestHTTP(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(content))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			wantLines, gotLines := strings.Split(string(content), "\n"), strings.Split(got, "\n")
			for i := range max(len(wantLines), len(gotLines)) {
				if i >= len(wantLines) || i >= len(gotLines) || wantLines[i] != gotLines[i] {
					t.Fatalf("%s:%d: the answers differ; all of them now:\n%s", file, i+1, got)
				}
			}
		})
	}
}

// replay returns the file with the answers as they are now.
func replay(t *testing.T, content string) string {
	parts := strings.Split("\n"+content, "\n=== ")
	server := newFixture(t, nil)
	names := &aliases{named: make(map[string]string)}
	var out strings.Builder
	out.WriteString(strings.TrimPrefix(parts[0], "\n"))
	for i, step := range parts[1:] {
		title, rest, _ := strings.Cut(step, "\n")
		request, _, _ := strings.Cut(rest, "\n---\n")
		request = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(request, "\n"), "\n---"), "\n")
		if i > 0 || parts[0] != "" {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "=== %s\n%s\n---\n%s", title, request, names.hide(send(t, server, names.show(request))))
	}
	return out.String()
}

// send sends a request as it is written, and returns the answer in the same form.
func send(t *testing.T, handler http.Handler, text string) string {
	head, body, _ := strings.Cut(text, "\n\n")
	line, header, _ := strings.Cut(head, "\n")
	raw := line + " HTTP/1.1\r\nHost: api.example\r\nX-Request-Id: test\r\n"
	for _, each := range strings.Split(header, "\n") {
		if each != "" {
			raw += each + "\r\n"
		}
	}
	raw += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	r.RemoteAddr = "192.0.2.1:4711"
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(t.Context()))
	return describe(w)
}

// everywhere are the headers that every answer has.
var everywhere = []string{
	"Cache-Control", "Content-Length", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy", "Vary",
	"X-Content-Type-Options", "X-Request-Id",
}

func describe(w *httptest.ResponseRecorder) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d %s\n", w.Code, http.StatusText(w.Code))
	var names []string
	for name := range w.Header() {
		if !slices.Contains(everywhere, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range w.Header()[name] {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	if w.Body.Len() > 0 {
		fmt.Fprintf(&out, "\n%s\n", w.Body)
	}
	return out.String()
}

// aliases name what differs from run to run.
type aliases struct {
	named map[string]string // alias → what it stands for
	order []string
}

var changing = []struct {
	kind    string
	pattern *regexp.Regexp
}{
	{"rev", regexp.MustCompile(`(?:Etag: |"etag":"\\)"([^".]+)\.`)},
	{"list", regexp.MustCompile(`Etag: (W/"[^"]+")`)},
	{"cursor", regexp.MustCompile(`\$after=([\w-]+)`)},
	{"id", regexp.MustCompile(`([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})`)},
}

// hide puts aliases for what changes.
func (a *aliases) hide(text string) string {
	for _, each := range changing {
		for _, match := range each.pattern.FindAllStringSubmatch(text, -1) {
			a.add(each.kind, match[1])
		}
	}
	for _, alias := range a.order {
		text = strings.ReplaceAll(text, a.named[alias], alias)
	}
	return text
}

func (a *aliases) add(kind, value string) {
	n := 1
	for _, alias := range a.order {
		if a.named[alias] == value {
			return
		}
		if strings.HasPrefix(alias, "<"+kind+"-") {
			n++
		}
	}
	alias := fmt.Sprintf("<%s-%d>", kind, n)
	a.named[alias] = value
	a.order = append(a.order, alias)
}

// show puts what the aliases stand for.
func (a *aliases) show(text string) string {
	for _, alias := range a.order {
		text = strings.ReplaceAll(text, alias, a.named[alias])
	}
	return text
}
