// Certify runs the long forms of the tests, part by part, and writes what each came to
// into docs/certification.md: the figure to reach, the figure that was seen, the verdict,
// the commit, and the command that makes it again. Make certify starts it. A part that
// is not run keeps its row, with the commit that it is from.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"slices"
	"strings"
)

const page = "docs/certification.md"

func main() {
	only := flag.String("only", "", "the parts to run, separated by commas; suite-* is all that begin so; empty is all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := certify(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "certify:", err)
		os.Exit(1)
	}
}

// certify runs the parts that are asked for, and writes the page after each of them.
func certify(ctx context.Context, only string) error {
	chosen, err := choose(parts, only)
	if err != nil {
		return err
	}
	commit, err := commitOf(ctx)
	if err != nil {
		return err
	}
	read, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text := string(read)
	rows, err := rowsOf(text)
	if err != nil {
		return err
	}
	var missed []string
	for _, p := range chosen {
		fmt.Printf("%s: %s\n", p.name, p.command())
		o := p.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err() // what was cut off is no result
		}
		rows[p.name] = p.row(o, commit)
		fmt.Printf("  %s; %s\n", o.seen, o.verdict)
		if o.missed {
			missed = append(missed, p.name)
			fmt.Println(o.tail)
		}
		if text, err = detailed(text, p, o, commit); err != nil {
			return err
		}
		if err := os.WriteFile(page, []byte(written(text, rows, commit)), 0o644); err != nil {
			return err
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("not reached: %s", strings.Join(missed, ", "))
	}
	return nil
}

// choose returns the parts with the names, or all.
func choose(all []part, names string) ([]part, error) {
	if names == "" {
		return all, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(names, ",") {
		before := len(chosen)
		for _, p := range all {
			if ok, _ := path.Match(name, p.name); ok && !slices.ContainsFunc(chosen, func(c part) bool { return c.name == p.name }) {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no further part %s", name)
		}
	}
	return chosen, nil
}

// commitOf returns the commit of the working tree, and says if there is more in it.
func commitOf(ctx context.Context) (string, error) {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("git rev-parse: %w", err)
	}
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", ".", ":!"+page).Output()
	if err != nil {
		return "", fmt.Errorf("git status: %w", err)
	}
	name := strings.TrimSpace(string(commit))
	if len(changes) > 0 {
		name += " and changes"
	}
	return name, nil
}
