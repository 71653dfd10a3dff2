package query

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// ParseApply returns the aggregation that text says, as OData writes it:
//
//	filter(stars ge 4)/groupby((category_id),aggregate($count as total,price with average as mean))
//
// The filter may be left out, and so may either of groupby and the aggregate in
// it. Its Limit is MaxGroups. Every error is fault.Invalid, with the codes of
// Parse.
func ParseApply(text string, names Names) (Aggregation, error) {
	a := Aggregation{Collection: names.Collection, Limit: MaxGroups}
	if err := readable(text, MaxURLBytes); err != nil {
		return a, err
	}
	p := applyParser{names: names, text: text}
	p.space()
	inner, ok, err := p.call("filter")
	if err != nil {
		return a, err
	}
	if ok {
		if a.Filter, err = Parse(inner, names, MaxURLBytes); err != nil {
			return a, err
		}
		if !p.skip("/") {
			return a, p.fail("a filter is followed by /groupby(…) or /aggregate(…)")
		}
	}
	err = p.transformation(&a)
	if p.space(); err == nil && p.pos < len(text) {
		err = p.fail("the end should stand here")
	}
	return a, err
}

// An applyParser reads the frame of an aggregation; the filter in it is read by
// Parse.
type applyParser struct {
	names Names
	text  string
	pos   int
}

func (p *applyParser) fail(format string, args ...any) *fault.Error {
	return failAt(p.text, p.pos, "syntax", format, args...)
}

func (p *applyParser) space() { p.pos += span(p.text[p.pos:], isSpace) }

// skip passes the punctuation and the white space around it, if it is there.
func (p *applyParser) skip(punctuation string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.pos:], punctuation) {
		return false
	}
	p.pos += len(punctuation)
	p.space()
	return true
}

// word reads a name, which may begin with $.
func (p *applyParser) word() string {
	p.space()
	start := p.pos
	if strings.HasPrefix(p.text[p.pos:], "$") {
		p.pos++
	}
	p.pos += span(p.text[p.pos:], isNamePart)
	return p.text[start:p.pos]
}

// call reads name(…) and returns what is inside the parentheses, in which
// quotes hide parentheses. White space stands for what is before it, so that
// errors name the right position.
func (p *applyParser) call(name string) (inner string, ok bool, err error) {
	rest := p.text[p.pos:]
	if !strings.HasPrefix(rest, name+"(") {
		return "", false, nil
	}
	open := p.pos + len(name)
	depth, quote := 0, byte(0)
	for i := open; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				p.pos = i + 1
				return strings.Repeat(" ", open+1) + p.text[open+1:i], true, nil
			}
		}
	}
	return "", false, p.fail("the closing parenthesis of %s is missing", name)
}

func (p *applyParser) transformation(a *Aggregation) (err error) {
	start := p.pos
	switch name := p.word(); {
	case name == "aggregate" && p.skip("("):
		return p.measures(a)
	case name == "groupby" && p.skip("(") && p.skip("("):
		if err := p.groups(a); err != nil {
			return err
		}
		if p.skip(",") {
			if p.word() != "aggregate" || !p.skip("(") {
				return p.fail("behind the fields of groupby stands aggregate(…)")
			}
			if err := p.measures(a); err != nil {
				return err
			}
		}
		if !p.skip(")") {
			return p.fail("the closing parenthesis of groupby is missing")
		}
		return nil
	}
	p.pos = start
	return p.fail("groupby((field),aggregate(…)) or aggregate(…) should stand here")
}

// groups reads the fields of groupby and their closing parenthesis.
func (p *applyParser) groups(a *Aggregation) error {
	for {
		position, err := p.field()
		if err != nil {
			return err
		}
		switch f := &p.names.Collection.Fields[position]; {
		case f.Encrypted:
			return sealed(p.fail("%s is encrypted, so nothing is grouped by it", f.Name).Coded(codeEncrypted))
		case !f.Sortable():
			return p.fail("%s is of type %s, by which nothing is grouped", f.Name, f.Type).Coded("wrong-type")
		case slices.Contains(a.GroupBy, position):
			return p.fail("%s is there twice", f.Name)
		}
		a.GroupBy = append(a.GroupBy, position)
		if p.skip(")") {
			return nil
		}
		if !p.skip(",") {
			return p.fail("a comma or a closing parenthesis should stand here")
		}
	}
}

func (p *applyParser) field() (int, error) {
	p.space()
	start := p.pos
	name := p.word()
	position, err := p.names.option(p.text, Node{At: start}, name)
	if err != nil {
		return 0, err
	}
	return position, nil
}

// functions are the aggregate functions of a field.
var functions = map[string]Func{"sum": Sum, "average": Average, "min": Minimum, "max": Maximum}

// measures reads the measures of aggregate and their closing parenthesis.
func (p *applyParser) measures(a *Aggregation) error {
	taken := map[string]bool{}
	for _, position := range a.GroupBy {
		taken[p.names.Collection.Fields[position].Name] = true
	}
	for {
		m, err := p.measure()
		if err != nil {
			return err
		}
		if taken[m.As] {
			return p.fail("the name %s is there twice", m.As)
		}
		taken[m.As] = true
		a.Measures = append(a.Measures, m)
		if p.skip(")") {
			return nil
		}
		if !p.skip(",") {
			return p.fail("a comma or a closing parenthesis should stand here")
		}
	}
}

func (p *applyParser) measure() (m Measure, err error) {
	start := p.pos
	if p.word() != "$count" {
		p.pos = start
		if m, err = p.fieldMeasure(); err != nil {
			return m, err
		}
	}
	if p.word() != "as" {
		return m, p.fail("a measure ends with as and its name, $count as total")
	}
	if m.As = p.word(); m.As == "" || !isLetter(m.As[0]) {
		return m, p.fail("a name for the measure is missing")
	}
	return m, nil
}

// fieldMeasure reads: price with average.
func (p *applyParser) fieldMeasure() (m Measure, err error) {
	if m.Field, err = p.field(); err != nil {
		return m, err
	}
	if p.word() != "with" {
		return m, p.fail("behind a field stands with and sum, average, min or max")
	}
	p.space()
	start := p.pos
	name := p.word()
	function, ok := functions[name]
	if !ok {
		p.pos = start
		return m, p.fail("there is no aggregate function %q; there are sum, average, min and max", name).Coded("unknown-operator")
	}
	m.Func = function
	f := &p.names.Collection.Fields[m.Field]
	if f.Encrypted {
		return m, sealed(p.fail("%s is encrypted, so nothing is computed from it", f.Name).Coded(codeEncrypted))
	}
	number := f.Type == record.IntType || f.Type == record.FloatType || f.Type == record.DecimalType
	if !number && (function == Sum || function == Average || !f.Sortable()) {
		return m, p.fail("%s is of type %s, which knows no %s", f.Name, f.Type, name).Coded("wrong-type")
	}
	return m, nil
}
