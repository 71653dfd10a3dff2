package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An outcome is what a part came to.
type outcome struct {
	seen    string
	verdict string
	missed  bool   // it was run, and did not reach what it should
	tail    string // of what was printed, where it was missed
	details []string
}

// command is what makes the figures again, as one types it.
func (p part) command() string {
	words := slices.Clone(p.env)
	for _, arg := range p.args {
		if strings.ContainsAny(arg, "^$|()?*") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// run runs the part to its end.
func (p part) run(ctx context.Context) outcome {
	args, parse := slices.Clone(p.args), plain
	if args[0] == "go" {
		args, parse = slices.Insert(args, 2, "-json"), testsOf
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return p.judge(parse(out.String()), err)
}

// A result is what one test printed, and how it ended: pass, fail or skip.
type result struct {
	name   string
	ended  string
	output string
}

// plain is the result of a command that is no test.
func plain(out string) []result { return []result{{output: out, ended: "pass"}} }

// testsOf returns the results of tests that have no tests within, and what others printed.
func testsOf(out string) []result {
	var order []string
	found := map[string]*result{}
	for line := range strings.Lines(out) {
		var event struct{ Action, Package, Test, Output string }
		if json.Unmarshal([]byte(line), &event) != nil {
			event.Action, event.Output = "output", line // of the compiler
		}
		name := event.Package + " " + event.Test
		r := found[name]
		if r == nil {
			r = &result{name: event.Test}
			found[name] = r
			order = append(order, name)
		}
		switch event.Action {
		case "output":
			r.output += event.Output
		case "pass", "fail", "skip":
			r.ended = event.Action
		}
	}
	results := make([]result, 0, len(order))
	for _, name := range order {
		r := *found[name]
		if r.name == "" || slices.ContainsFunc(order, func(other string) bool { return strings.HasPrefix(other, name+"/") }) {
			r.name = "" // it is no case, but its output counts
		}
		results = append(results, r)
	}
	return results
}

// unproved is what a test says that is skipped for want of what no script can install.
var unproved = regexp.MustCompile(`UNPROVED|not proved here`)

// judge compares what was seen with what is to be reached.
func (p part) judge(results []result, err error) outcome {
	count := map[string]int{}
	var all strings.Builder
	for _, r := range results {
		all.WriteString(r.output)
		switch {
		case r.name == "":
		case r.ended == "skip" && unproved.MatchString(r.output):
			count["unproved"]++
		default:
			count[r.ended]++
		}
	}
	var seen, wrong []string
	if p.args[0] == "go" {
		seen = append(seen, fmt.Sprintf("%d cases passed, %d failed, %d skipped", count["pass"], count["fail"], count["skip"]))
		if n := count["unproved"]; n > 0 {
			seen = append(seen, fmt.Sprintf("%d not proved here, for want of a server", n))
		}
		if p.rare != "" && err == nil && count["pass"]+count["fail"]+count["skip"] == 0 && count["unproved"] > 0 {
			return outcome{seen: p.rare + " is not to be had", verdict: "not proved here"}
		}
		if least := max(p.cases, 1); count["pass"] < least {
			wrong = append(wrong, fmt.Sprintf("fewer than %d cases passed", least))
		}
		if count["skip"] > 0 && !p.partly {
			wrong = append(wrong, "something was skipped")
		}
	}
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, f := range p.figures {
		text, reached := f.in(results)
		seen = append(seen, text)
		if !reached {
			wrong = append(wrong, fmt.Sprintf("fewer than %d %s", f.least, f.what))
		}
	}
	o := outcome{seen: strings.Join(seen, "; "), verdict: "reached", details: detailsOf(all.String())}
	if len(wrong) > 0 {
		o.missed, o.verdict = true, "NOT REACHED: "+strings.Join(wrong, ", ")
		o.tail = all.String()
		o.tail = o.tail[max(0, len(o.tail)-6000):]
	}
	return o
}

// detail is a row of a part's own table, as a test prints it.
var detail = regexp.MustCompile(`(?m)\bdetail: (.+)$`)

func detailsOf(out string) []string {
	var rows []string
	for _, match := range detail.FindAllStringSubmatch(out, -1) {
		rows = append(rows, match[1])
	}
	return rows
}

// in returns the figure as the tests printed it, and whether it is reached.
func (f figure) in(results []result) (text string, reached bool) {
	pattern, sum, least, tests := regexp.MustCompile(f.pattern), 0, -1, 0
	for _, r := range results {
		own, matches := 0, pattern.FindAllStringSubmatch(r.output, -1)
		for _, match := range matches {
			n := 1
			if len(match) > 1 {
				n, _ = strconv.Atoi(match[1]) // the pattern takes digits alone
			}
			own += n
		}
		if len(matches) == 0 {
			continue
		}
		tests++
		sum += own
		if least < 0 || own < least {
			least = own
		}
	}
	if !f.each {
		return fmt.Sprintf("%d %s", sum, f.what), sum >= f.least
	}
	return fmt.Sprintf("%d %s by each of %d", max(least, 0), f.what, tests), least >= f.least
}
