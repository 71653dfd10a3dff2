package httpapi

import (
	"net/http"
	"strings"

	"github.com/portolan-io/portolan/core"
)

// directivesOf returns what the request asks of caches (RFC 9111, section 5.2.1).
// Whether it counts is decided by the core. What cannot be read, and what is not
// known here, is ignored, as the RFC has it. Pragma counts only if there is no
// Cache-Control (section 5.4).
//
// Of max-age, max-stale and min-fresh nothing is known: an answer of a strict
// collection is never older than the last write, so it has no age, and browsers
// send max-age=0 with each reload, which would be no-cache by another name.
func directivesOf(h http.Header) core.Directives {
	lines, given := h["Cache-Control"]
	if !given {
		for name := range directives(h["Pragma"]) {
			if name == "no-cache" {
				return core.Directives{NoCache: true}
			}
		}
		return core.Directives{}
	}
	var d core.Directives
	for name := range directives(lines) {
		switch name {
		case "no-cache":
			d.NoCache = true
		case "no-store":
			d.NoStore = true
		case "only-if-cached":
			d.OnlyIfCached = true
		}
	}
	return d
}

// directives yields the directives without an argument, in lower case.
func directives(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(lines) == 0 {
			return
		}
		for _, item := range splitOutsideQuotes(strings.Join(lines, ","), ',') {
			if !yield(strings.ToLower(strings.Trim(item, " \t"))) {
				return
			}
		}
	}
}
