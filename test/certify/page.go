package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

const (
	begin = "<!-- certified: begin -->\n"
	end   = "<!-- certified: end -->\n"
)

// A row is one part in the table.
type row struct {
	name    string
	cells   []string // behind the name, the last of which is the command
	commit  string
	verdict string
}

// row returns the row of a part that was run at the commit.
func (p part) row(o outcome, commit string) row {
	return p.filled(o.seen, o.verdict, commit, time.Now().UTC().Format(time.DateOnly))
}

func (p part) filled(seen, verdict, commit, day string) row {
	return row{name: p.name, commit: commit, verdict: verdict, cells: []string{p.promise, p.reach, seen, verdict, commit, day, "`" + p.command() + "`"}}
}

// The columns of the table, by their position in the cells.
const (
	seenColumn = iota + 2
	verdictColumn
	commitColumn
	dayColumn
	columns = dayColumn + 2
)

// rowsOf returns the rows of the page, by their names.
func rowsOf(text string) (map[string]row, error) {
	_, rest, found := strings.Cut(text, begin)
	table, _, ended := strings.Cut(rest, end)
	if !found || !ended {
		return nil, fmt.Errorf("%s has no place for the table", page)
	}
	rows := map[string]row{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), `\|`, "|")
		}
		if len(cells) == columns+1 && cells[1+commitColumn] != "commit" && cells[1+commitColumn] != "" {
			rows[cells[0]] = row{name: cells[0], cells: cells[1:], commit: cells[1+commitColumn], verdict: cells[1+verdictColumn]}
		}
	}
	return rows, nil
}

// written returns the page with the rows. Parts keep their order; what was never run
// says so, and what was run at another commit is named.
func written(text string, rows map[string]row, commit string) string {
	before, rest, _ := strings.Cut(text, begin)
	_, after, _ := strings.Cut(rest, end)
	var table strings.Builder
	var now, earlier, never []string
	for _, p := range parts {
		r, run := rows[p.name]
		switch {
		case !run:
			never = append(never, p.name)
			r = p.filled("", "not run", "", "")
		case r.commit == commit:
			now = append(now, p.name)
		default:
			earlier = append(earlier, p.name)
		}
		if run { // the promise and the command are those of today
			r = p.filled(r.cells[seenColumn], r.cells[verdictColumn], r.commit, r.cells[dayColumn])
		}
		table.WriteString("| " + r.name)
		for _, cell := range r.cells {
			table.WriteString(" | " + strings.ReplaceAll(cell, "|", `\|`))
		}
		table.WriteString(" |\n")
	}
	return before + begin + fmt.Sprintf("Run last at commit %s, with %s on %s/%s with %d processors.\n\n- Run at that commit: %s.\n- Run at an earlier one, which their rows name: %s.\n- Never run: %s.\n\n",
		commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), list(now), list(earlier), list(never)) +
		"| part | promise | to reach | seen | verdict | commit | day | again |\n|---|---|---|---|---|---|---|---|\n" + table.String() + end + after
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// detailed returns the page with the part's own table, if it has one.
func detailed(text string, p part, o outcome, commit string) (string, error) {
	if p.detail == "" || len(o.details) == 0 {
		return text, nil
	}
	begin, end := "<!-- "+p.name+": begin -->\n", "<!-- "+p.name+": end -->\n"
	before, rest, found := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("%s has no place for the table of %s", page, p.name)
	}
	table := fmt.Sprintf("At commit %s, %s:\n\n| %s |\n|%s\n", commit, o.verdict, p.detail, strings.Repeat("---|", strings.Count(p.detail, "|")+1))
	for _, row := range o.details {
		table += "| " + row + " |\n"
	}
	return before + begin + table + end + after, nil
}
