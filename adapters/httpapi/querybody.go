package httpapi

import (
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// The members that the bodies of $query and $delete may have.
var (
	queryMembers  = []string{"filter", "orderby", "select", "first", "after", "count", "ids", "expand"}
	deleteMembers = []string{"filter", "ids"}
)

// A jsonMember reads the value of one member into a request.
type jsonMember func(r *record.Reader, req *core.ListRequest) error

var jsonMembers = map[string]jsonMember{
	"filter":  text(func(req *core.ListRequest) *string { return &req.Filter }),
	"orderby": text(func(req *core.ListRequest) *string { return &req.OrderBy }),
	"select":  text(func(req *core.ListRequest) *string { return &req.Select }),
	"after":   text(func(req *core.ListRequest) *string { return &req.After }),
	"expand":  text(func(req *core.ListRequest) *string { return &req.Expand }),
	"first":   readFirst,
	"count":   readCount,
	"ids":     readIDs,
}

// parseQueryBody reads the strict JSON object of $query or $delete, which may
// have the given members.
func parseQueryBody(body []byte, members []string) (core.ListRequest, error) {
	const op = "httpapi.parseQueryBody"
	req := core.ListRequest{Long: true}
	r := record.NewReader(body)
	if kind := r.Peek(); kind != record.ObjectKind && r.Err() == nil {
		return req, fault.New(fault.Invalid, op, "the body is not a JSON object").Coded("wrong-type").
			Hinting("its members are %s", strings.Join(members, ", "))
	}
	r.EnterObject()
	seen := make(map[string]bool)
	for {
		name, ok := r.NextMember()
		if !ok {
			break
		}
		if seen[name] {
			return req, badMember("duplicate-key", name, "%s is given more than once", quoted(name))
		}
		seen[name] = true
		if err := checkMember(name, members); err != nil {
			return req, err
		}
		if err := jsonMembers[name](r, &req); err != nil {
			return req, err
		}
	}
	return req, r.End()
}

func checkMember(name string, members []string) error {
	for _, each := range members {
		if name == each {
			return nil
		}
	}
	err := badMember("unknown-member", shortened(name), "%s is no member of this body", quoted(name))
	if near := fault.Nearest(strings.TrimPrefix(name, "$"), members); near != "" {
		return err.Hinting("did you mean %s?", near)
	}
	return err.Hinting("its members are %s", strings.Join(members, ", "))
}

func badMember(code, name, format string, args ...any) *fault.Error {
	err := fault.New(fault.Invalid, "httpapi.parseQueryBody", format, args...).Coded(code)
	pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	return err.At(fault.Place{Pointer: pointer, Code: code, Detail: err.Detail})
}

// expect returns an error unless a value of the kind is next. A mistake of the
// text itself is left for the Reader's End to tell.
func expect(r *record.Reader, kind byte, name, right string) error {
	if next := r.Peek(); next == kind || r.Err() != nil {
		return nil
	}
	return badMember("wrong-type", name, "%s is %s", name, right)
}

// text returns the reader of a string member that is not empty.
func text(target func(*core.ListRequest) *string) jsonMember {
	return func(r *record.Reader, req *core.ListRequest) error {
		name := strings.TrimPrefix(r.Pointer(), "/")
		if err := expect(r, record.StringKind, name, "a string"); err != nil {
			return err
		}
		value := r.Text()
		if value == "" && r.Err() == nil {
			return badMember("empty-option", name, "%s has no value", name)
		}
		*target(req) = value
		return nil
	}
}

func readFirst(r *record.Reader, req *core.ListRequest) (err error) {
	if err = expect(r, record.NumberKind, "first", firstRange()); err != nil {
		return err
	}
	digits := r.Number()
	if r.Err() == nil {
		req.First, err = parseFirst("/first", digits)
	}
	return err
}

func readCount(r *record.Reader, req *core.ListRequest) error {
	if kind := r.Peek(); kind != record.TrueKind && kind != record.FalseKind && r.Err() == nil {
		return badMember("wrong-type", "count", "count is true or false")
	}
	req.Count = r.Bool()
	return nil
}

// readIDs reads a list of ids, as strings or as numbers.
func readIDs(r *record.Reader, req *core.ListRequest) error {
	if err := expect(r, record.ArrayKind, "ids", "an array of ids"); err != nil {
		return err
	}
	req.IDs = []string{}
	r.EnterArray()
	for r.NextItem() {
		switch r.Peek() {
		case record.StringKind:
			req.IDs = append(req.IDs, r.Text())
		case record.NumberKind:
			req.IDs = append(req.IDs, r.Number())
		default:
			if r.Err() == nil {
				return badMember("wrong-type", "ids", "an id is a string or a number")
			}
			return nil
		}
	}
	return nil
}

// parseFirst reads the size of a page. Place names it in the error.
func parseFirst(place, digits string) (int, error) {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err == nil && n >= 1 && n <= core.MaxFirst {
		return int(n), nil
	}
	name := strings.TrimPrefix(place, "/")
	wrong := fault.New(fault.Invalid, "httpapi.parseFirst", "%s is %s, not %s", name, firstRange(), quoted(digits)).Coded("bad-first")
	return 0, wrong.At(fault.Place{Pointer: place, Code: "bad-first", Detail: wrong.Detail})
}

func firstRange() string { return "a whole number from 1 to " + strconv.Itoa(core.MaxFirst) }
