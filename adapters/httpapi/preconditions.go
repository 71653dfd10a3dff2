package httpapi

import (
	"net/http"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// An entityTag is an entity-tag of RFC 9110, section 8.8.3, without its quotes.
type entityTag struct {
	weak   bool
	opaque string
}

// tagOf returns the ETag of a record: its revision and the variant shown.
func tagOf(res core.Result) string {
	return `"` + string(res.Revision) + "." + res.Variant + `"`
}

// revision returns the part of the tag that names the record's revision.
// Revisions hold no dot.
func (t entityTag) revision() record.Revision {
	rev, _, _ := strings.Cut(t.opaque, ".")
	return record.Revision(rev)
}

// tags are what If-Match or If-None-Match hold. The zero tags are those of a
// request without the header.
type tags struct {
	any  bool // "*"
	list []entityTag
}

func (t tags) given() bool { return t.any || t.list != nil }

// parseTags reads the lines of the header of the given name.
func parseTags(name string, lines []string) (tags, error) {
	if len(lines) == 0 {
		return tags{}, nil
	}
	text := strings.Trim(strings.Join(lines, ","), " \t,")
	if text == "*" {
		return tags{any: true}, nil
	}
	var parsed tags
	for text != "" {
		var tag entityTag
		text, tag.weak = strings.CutPrefix(text, "W/")
		opened, ok := strings.CutPrefix(text, `"`)
		end := strings.IndexByte(opened, '"')
		if !ok || end < 0 || strings.ContainsFunc(opened[:end], func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return tags{}, badTags(name)
		}
		tag.opaque = opened[:end]
		parsed.list = append(parsed.list, tag)
		rest := strings.TrimLeft(opened[end+1:], " \t")
		if rest != "" && rest[0] != ',' {
			return tags{}, badTags(name)
		}
		text = strings.TrimLeft(rest, " \t,")
	}
	if parsed.list == nil {
		return tags{}, badTags(name)
	}
	return parsed, nil
}

func badTags(name string) error {
	return fault.New(fault.Invalid, "httpapi.parseTags", `%s is a list of tags like "rev.variant" in quotes, or *`, name).
		Coded("bad-etag").At(fault.Place{Pointer: name, Code: "bad-etag", Detail: "it is not a list of entity tags"})
}

// unchanged reports whether the request already has what tag names, so that 304
// will do. If-None-Match compares weakly, as RFC 9110 has it.
func unchanged(r *http.Request, tag string) (bool, error) {
	known, err := parseTags("If-None-Match", r.Header["If-None-Match"])
	if err != nil || !known.given() {
		return false, err
	}
	if known.any {
		return true, nil
	}
	opaque := strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	for _, each := range known.list {
		if each.opaque == opaque {
			return true, nil
		}
	}
	return false, nil
}

// noRevision is none that a record can have, as it holds a dot.
const noRevision record.Revision = "."

// conditionOf returns what the request requires of the record that it writes.
// If-Match compares revisions strongly: a weak tag matches nothing.
func conditionOf(r *http.Request) (core.Condition, error) {
	const op = "httpapi.conditionOf"
	var cond core.Condition
	match, err := parseTags("If-Match", r.Header["If-Match"])
	if err != nil {
		return cond, err
	}
	none, err := parseTags("If-None-Match", r.Header["If-None-Match"])
	switch {
	case err != nil:
		return cond, err
	case none.given() && (!none.any || r.Method != http.MethodPut):
		return cond, fault.New(fault.Invalid, op, "of writes only PUT takes If-None-Match, and only *").Coded("bad-precondition")
	case none.given() && match.given():
		return cond, fault.New(fault.Invalid, op, "If-Match and If-None-Match contradict each other").Coded("bad-precondition")
	}
	cond.Absent = none.any
	cond.Exists = match.any
	for _, tag := range match.list {
		rev := tag.revision()
		if tag.weak || rev == "" {
			rev = noRevision
		}
		cond.Revisions = append(cond.Revisions, rev)
	}
	return cond, nil
}
