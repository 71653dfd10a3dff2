package query

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// Limits of a text.
const (
	MaxURLBytes  = 4 << 10  // octets of a text in a URL
	MaxBodyBytes = 64 << 10 // octets of a text in a body or a configuration
	MaxDepth     = 16       // of parentheses, calls and not inside each other
	MaxNodes     = 100      // logical operators, comparisons and calls; an in list is one
	MaxItems     = 500      // items of an in list
)

// Read returns the untyped tree of a text, or fault.Invalid with the position
// of what is wrong. The text is at most maxBytes long and not empty.
func Read(text string, maxBytes int) (Syntax, error) {
	if err := readable(text, maxBytes); err != nil {
		return Syntax{}, err
	}
	p := parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return Syntax{}, err
	}
	root, err := p.or()
	if err != nil {
		return Syntax{}, err
	}
	if p.token.kind != endToken {
		return Syntax{}, p.leftover()
	}
	return Syntax{root, text}, nil
}

// readable refuses what no text may be, however it is to be read.
func readable(text string, maxBytes int) error {
	switch {
	case len(text) > maxBytes:
		return fault.New(fault.Invalid, "query.Parse", "the text is %d bytes long, and at most %d are allowed", len(text), maxBytes).
			Coded("too-long").Hinting("send long filters in the body of POST …/$query")
	case !utf8.ValidString(text):
		return fault.New(fault.Invalid, "query.Parse", "the text is not valid UTF-8").Coded("syntax")
	}
	if nul := strings.IndexByte(text, 0); nul >= 0 {
		return fault.New(fault.Invalid, "query.Parse", "at character %d: a NUL is not allowed",
			utf8.RuneCountInString(text[:nul])+1).Coded("syntax")
	}
	return nil
}

// A parser is a recursive descent: one method for each level of precedence.
type parser struct {
	lexer
	token token // the one not yet used
	depth int
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

// nested calls parse one level deeper, if there may be one.
func (p *parser) nested(parse func() (Node, error)) (Node, error) {
	if p.depth == MaxDepth {
		return Node{}, failAt(p.text, p.token.at, "too-deep", "nested deeper than %d", MaxDepth)
	}
	p.depth++
	node, err := parse()
	p.depth--
	return node, err
}

// is reports whether the token is one of words, in the place of an operator.
func (p *parser) is(words []string) bool {
	return p.token.kind == wordToken && slices.Contains(words, p.token.text)
}

func (p *parser) punct(text string) bool {
	return p.token.kind == punctToken && p.token.text == text
}

// expect skips the punctuation, which must be there.
func (p *parser) expect(text string) error {
	if !p.punct(text) {
		if p.token.kind == endToken {
			return failAt(p.text, p.token.at, "syntax", "a %s is missing", text)
		}
		return p.leftover()
	}
	return p.advance()
}

func (p *parser) or() (Node, error)  { return p.chain("or", p.and) }
func (p *parser) and() (Node, error) { return p.chain("and", p.not) }

// chain parses operands joined by word, which become one node.
func (p *parser) chain(word string, operand func() (Node, error)) (Node, error) {
	first, err := operand()
	if err != nil || !p.is([]string{word}) {
		return first, err
	}
	node := Node{Kind: OperatorNode, Text: word, At: p.token.at, Kids: []Node{first}}
	for p.is([]string{word}) {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		kid, err := operand()
		if err != nil {
			return Node{}, err
		}
		node.Kids = append(node.Kids, kid)
	}
	return node, nil
}

func (p *parser) not() (Node, error) {
	if !p.is([]string{"not"}) {
		return p.comparison()
	}
	node := Node{Kind: OperatorNode, Text: "not", At: p.token.at}
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	kid, err := p.nested(p.not)
	node.Kids = []Node{kid}
	return node, err
}

func (p *parser) comparison() (Node, error) {
	left, err := p.sum()
	if err != nil || !p.is(comparisonWords) {
		return left, err
	}
	node := Node{Kind: OperatorNode, Text: p.token.text, At: p.token.at}
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	right, err := p.operand(node.Text)
	node.Kids = []Node{left, right}
	return node, err
}

// operand parses what stands behind a comparison operator.
func (p *parser) operand(operator string) (Node, error) {
	if operator != "in" || p.token.kind == claimToken {
		return p.sum()
	}
	list := Node{Kind: ListNode, At: p.token.at}
	if !p.punct("(") {
		return Node{}, failAt(p.text, p.token.at, "syntax", "in needs a list in parentheses, (1, 2)")
	}
	var err error
	list.Kids, err = p.arguments(p.primary)
	return list, err
}

func (p *parser) sum() (Node, error)     { return p.infix(sumWords, p.product) }
func (p *parser) product() (Node, error) { return p.infix(productWords, p.primary) }

// infix parses left-associative binary operators.
func (p *parser) infix(words []string, operand func() (Node, error)) (Node, error) {
	left, err := operand()
	for err == nil && p.is(words) {
		node := Node{Kind: OperatorNode, Text: p.token.text, At: p.token.at}
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		var right Node
		right, err = operand()
		node.Kids = []Node{left, right}
		left = node
	}
	return left, err
}

// literals are the tokens that are values by themselves.
var literals = map[tokenKind]NodeKind{
	stringToken: StringNode, numberToken: NumberNode, timeToken: TimeNode, claimToken: ClaimNode,
}

func (p *parser) primary() (Node, error) {
	node := Node{Text: p.token.text, At: p.token.at}
	kind, literal := literals[p.token.kind]
	switch {
	case literal:
		node.Kind = kind
		return node, p.advance()
	case p.is(operandWords[1:]):
		node.Kind = WordNode
		return node, p.advance()
	case p.is(operandWords[:1]):
		return Node{}, failAt(p.text, p.token.at, "syntax", "not stands before a condition; put it in parentheses")
	case p.token.kind == wordToken || p.token.kind == quotedToken:
		return p.name()
	case p.punct("("):
		return p.nested(p.parenthesis)
	case p.token.kind == endToken:
		return Node{}, failAt(p.text, p.token.at, "syntax", "a field or a value is missing")
	}
	return Node{}, failAt(p.text, p.token.at, "syntax", "a field or a value should stand here")
}

func (p *parser) parenthesis() (Node, error) {
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	node, err := p.or()
	if err != nil {
		return Node{}, err
	}
	return node, p.expect(")")
}

// name parses a field, a path into one, or a call.
func (p *parser) name() (Node, error) {
	node := Node{Kind: NameNode, Text: p.token.text, At: p.token.at}
	word := p.token.kind == wordToken
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	if word && p.punct("(") {
		node.Kind = CallNode
		return p.nested(func() (Node, error) {
			var err error
			node.Kids, err = p.arguments(p.or)
			return node, err
		})
	}
	for p.punct(".") {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		if p.token.kind != wordToken && p.token.kind != quotedToken {
			return Node{}, failAt(p.text, p.token.at, "syntax", "a name should follow the point")
		}
		node.Kids = append(node.Kids, Node{Kind: NameNode, Text: p.token.text, At: p.token.at})
		if err := p.advance(); err != nil {
			return Node{}, err
		}
	}
	return node, nil
}

// arguments parses ( item , item … ); there is at least one item.
func (p *parser) arguments(item func() (Node, error)) ([]Node, error) {
	var items []Node
	for more := true; more; more = p.punct(",") {
		if err := p.advance(); err != nil { // past ( or ,
			return nil, err
		}
		if len(items) == MaxItems {
			return nil, failAt(p.text, p.token.at, "too-many-items", "a list has more than %d items", MaxItems)
		}
		node, err := item()
		if err != nil {
			return nil, err
		}
		items = append(items, node)
	}
	return items, p.expect(")")
}

// symbols are what other languages write for our operators.
var symbols = map[string]string{
	"=": "eq", "==": "eq", "!=": "ne", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
	"&&": "and", "||": "or", "!": "not", "+": "add", "*": "mul", "/": "div",
}

// leftover is the error for a token that stands where an operator should.
func (p *parser) leftover() *fault.Error {
	if p.token.kind != wordToken && p.token.kind != symbolToken {
		return failAt(p.text, p.token.at, "syntax", "an operator, a closing parenthesis or the end should stand here")
	}
	if p.is(comparisonWords) {
		return failAt(p.text, p.token.at, "syntax", "comparisons do not chain; join them with and")
	}
	words := slices.Concat(logicWords, comparisonWords, sumWords, productWords)
	err := failAt(p.text, p.token.at, "unknown-operator", "there is no operator %s", p.token.text)
	if next := p.token.at + 1; p.token.text == "/" && next < len(p.text) && isLetter(p.text[next]) {
		return err.Hinting("fields of related records cannot be spoken of here, only the reference itself; to divide is div")
	}
	near := symbols[p.token.text]
	if near == "" {
		near = fault.Nearest(p.token.text, words)
	}
	if near == "" {
		return err.Hinting("the operators are %s", strings.Join(words, ", "))
	}
	return err.Hinting("did you mean %s? the operators are %s", near, strings.Join(words, ", "))
}
