package query

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// A NodeKind says what a [Node] is.
type NodeKind uint8

// The kinds of nodes.
const (
	OperatorNode NodeKind = iota // Text is the operator; Kids are its operands
	CallNode                     // Text is the function; Kids are its arguments
	NameNode                     // Text is a field; Kids are the names of a path into it, original.data
	ClaimNode                    // Text is the name of the claim
	StringNode                   // Text is the string, without quotes
	NumberNode                   // Text is the number as written
	TimeNode                     // Text is the time as written
	WordNode                     // Text is null, true or false
	ListNode                     // Kids are the items
)

// A Node is a part of a text that is parsed but not yet typed.
type Node struct {
	Kind NodeKind
	Text string
	Kids []Node
	At   int // where it begins in the text, in octets
}

// A Syntax is the untyped tree of one text: what filters, row policies and
// derive expressions have in common.
type Syntax struct {
	Root Node
	text string
}

// Fail returns the fault.Invalid of the given code for what is at the node. Its
// detail begins with the position, as a character counted from 1, and the text
// found there.
func (s Syntax) Fail(at Node, code, format string, args ...any) *fault.Error {
	return failAt(s.text, at.At, code, format, args...)
}

// failAt is the error for the octet at of text.
func failAt(text string, at int, code, format string, args ...any) *fault.Error {
	err := fault.New(fault.Invalid, "query.Parse", format, args...).Coded(code)
	err.Detail = place(text, at) + ": " + err.Detail
	return err
}

// nearRunes is how much of the text an error shows.
const nearRunes = 24

// place names the position at in text, and shows what stands there.
func place(text string, at int) string {
	rest := text[at:]
	if strings.TrimSpace(rest) == "" {
		return "at the end"
	}
	end, runes := 0, 0
	for end < len(rest) && runes < nearRunes {
		_, size := utf8.DecodeRuneInString(rest[end:])
		end += size
		runes++
	}
	near := rest[:end]
	if end < len(rest) {
		near += "…"
	}
	return "at character " + strconv.Itoa(utf8.RuneCountInString(text[:at])+1) + `, near "` + near + `"`
}

// Words that mean something in the place of an operand. A field of such a
// name is written in double quotes, "null".
var operandWords = []string{"not", "null", "true", "false"}

// Operators by how they bind, the loosest first. They are recognised by their
// place, after an operand, so that a field may have such a name.
var (
	logicWords      = []string{"or", "and"}
	comparisonWords = []string{"eq", "ne", "gt", "ge", "lt", "le", "in", "has"}
	sumWords        = []string{"add", "sub"}
	productWords    = []string{"mul", "div"}
)

// filterFunctions are the functions of filters; those of derive are its own.
var filterFunctions = map[string]Op{"contains": Contains, "startswith": StartsWith, "endswith": EndsWith}
