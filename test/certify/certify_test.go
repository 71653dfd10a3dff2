package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// events are what go test -json prints of a test with two cases.
const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"    a_test.go:1: 150 kills under 9 records\n"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA/y","Output":"    a_test.go:1: 250 kills under 9 records\n"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`

// TestJudge shows what is not reached, and why.
func TestJudge(t *testing.T) {
	kills := func(least int, each bool) part {
		return part{args: []string{"go"}, figures: []figure{{pattern: `(\d+) kills`, what: "kills", least: least, each: each}}}
	}
	rare, partly := kills(0, false), kills(0, false)
	rare.rare, partly.partly = "a server", true
	skipped := `{"Action":"skip","Package":"p","Test":"TestB"}` + "\n"
	absent := `{"Action":"output","Package":"p","Test":"TestB","Output":"UNPROVED: it cannot be had\n"}` + "\n" + skipped
	for _, tt := range []struct {
		name          string
		part          part
		out           string
		err           error
		verdict, seen string
	}{
		{"each reaches it", kills(150, true), events, nil, "reached", "2 cases passed, 0 failed, 0 skipped; 150 kills by each of 2"},
		{"one does not", kills(151, true), events, nil, "NOT REACHED: fewer than 151 kills", ""},
		{"together they do", kills(400, false), events, nil, "reached", "2 cases passed, 0 failed, 0 skipped; 400 kills"},
		{"together they do not", kills(401, false), events, nil, "NOT REACHED: fewer than 401 kills", ""},
		{"nothing is printed", kills(1, true), strings.ReplaceAll(events, "kills", "pets"), nil, "NOT REACHED: fewer than 1 kills", ""},
		{"nothing is run", kills(0, false), "", nil, "NOT REACHED: fewer than 1 cases passed", ""},
		{"one is skipped", kills(0, false), events + skipped, nil, "NOT REACHED: something was skipped", ""},
		{"one may be skipped", partly, events + skipped, nil, "reached", "2 cases passed, 0 failed, 1 skipped; 400 kills"},
		{"it fails", kills(0, false), events, errors.New("exit status 1"), "NOT REACHED: exit status 1", ""},
		{"one has no server", kills(0, false), events + absent, nil, "reached", "2 cases passed, 0 failed, 0 skipped; 1 not proved here, for want of a server; 400 kills"},
		{"what it needs is not there", rare, absent, nil, "not proved here", "a server is not to be had"},
		{"what is rare is skipped for another reason", rare, skipped, nil, "NOT REACHED: fewer than 1 cases passed, something was skipped", ""},
		{"what is rare fails", rare, skipped, errors.New("exit status 1"), "NOT REACHED: fewer than 1 cases passed, something was skipped, exit status 1", ""},
	} {
		o := tt.part.judge(testsOf(tt.out), tt.err)
		if o.verdict != tt.verdict || tt.seen != "" && o.seen != tt.seen {
			t.Errorf("%s: %q and %q, want %q and %q", tt.name, o.verdict, o.seen, tt.verdict, tt.seen)
		}
	}
}

// TestPage writes a part at one commit and another at a later one.
func TestPage(t *testing.T) {
	text := "before\n" + begin + end + "after\n"
	for _, commit := range []string{"c1", "c2"} {
		rows, err := rowsOf(text)
		if err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"c1": "sqlmap", "c2": "fuzz"}[commit]
		for _, p := range parts {
			if p.name == name {
				rows[name] = p.row(outcome{seen: "1 | 2", verdict: "reached"}, commit)
			}
		}
		text = written(text, rows, commit)
	}
	for _, want := range []string{
		"before\n", "after\n", "Run last at commit c2,", "- Run at that commit: fuzz.", "rows name: sqlmap.", "- Never run: suite-memory,",
		`| 1 \| 2 | reached | c1 |`, `| 1 \| 2 | reached | c2 |`, "|  | not run |  |  | `",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if rows, _ := rowsOf(text); len(rows) != 2 || rows["sqlmap"].commit != "c1" || rows["sqlmap"].cells[seenColumn] != "1 | 2" {
		t.Errorf("what is read of the page is %v", rows)
	}
}

// TestChoose takes parts by their names, and refuses what is none.
func TestChoose(t *testing.T) {
	if all, err := choose(parts, ""); err != nil || len(all) != len(parts) {
		t.Errorf("all are %d, %v", len(all), err)
	}
	if some, err := choose(parts, "suite-*,migrate"); err != nil || len(some) != 9 {
		t.Errorf("the suites and migrate are %d, %v", len(some), err)
	}
	if _, err := choose(parts, "suite-*,nothing"); err == nil {
		t.Error("a part that is not there is chosen")
	}
}

// TestDetails puts the rows that tests print into the table of their part.
func TestDetails(t *testing.T) {
	p := part{name: "p", args: []string{"go"}, detail: "what | times"}
	text := "before\n<!-- p: begin -->\nold\n<!-- p: end -->\nafter\n"
	out := strings.ReplaceAll(events, "150 kills under 9 records", "detail: a fire | 3")
	got, err := detailed(text, p, p.judge(testsOf(out), nil), "c1")
	want := "before\n<!-- p: begin -->\nAt commit c1, reached:\n\n| what | times |\n|---|---|\n| a fire | 3 |\n<!-- p: end -->\nafter\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := detailed(text, p, p.judge(testsOf(events), nil), "c1"); err != nil || got != text {
		t.Errorf("without rows got %q, %v", got, err)
	}
	if _, err := detailed("", p, p.judge(testsOf(out), nil), "c1"); err == nil {
		t.Error("a page without a place is written")
	}
	page, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if p.detail != "" && !strings.Contains(string(page), "<!-- "+p.name+": begin -->\n") {
			t.Errorf("the page has no place for the table of %s", p.name)
		}
	}
}
