package query

import (
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/record"
)

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // a name or an operator
	quotedToken           // a name in double quotes
	claimToken            // the name behind @claims.
	stringToken           // the text between single quotes
	numberToken
	timeToken
	punctToken  // ( ) , .
	symbolToken // = < > and the like, which mean nothing here
)

type token struct {
	kind tokenKind
	text string
	at   int
}

// claimPrefix begins a reference to a claim of the caller.
const claimPrefix = "@claims."

// A lexer cuts a text into tokens.
type lexer struct {
	text string
	pos  int
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	l.pos += span(l.text[l.pos:], isSpace)
	if l.pos == len(l.text) {
		return token{kind: endToken, at: l.pos}, nil
	}
	start, rest := l.pos, l.text[l.pos:]
	switch c := rest[0]; {
	case c == '\'':
		return l.quoted(stringToken, '\'')
	case c == '"':
		return l.quoted(quotedToken, '"')
	case isLetter(c):
		return l.take(wordToken, span(rest, isNamePart)), nil
	case isDigit(c) || c == '-':
		return l.number()
	case strings.IndexByte("(),.", c) >= 0:
		return l.take(punctToken, 1), nil
	case strings.HasPrefix(rest, claimPrefix):
		n := span(rest[len(claimPrefix):], isClaimPart)
		if n > 0 {
			l.pos += len(claimPrefix)
			return l.take(claimToken, n), nil
		}
		fallthrough
	case c == '@':
		return token{}, failAt(l.text, start, "syntax", "a claim is written with its name behind @claims., as in @claims.sub")
	case isSymbol(c):
		return l.take(symbolToken, span(rest, isSymbol)), nil
	}
	return token{}, failAt(l.text, start, "syntax", "this character means nothing here")
}

// take returns the next n octets as a token.
func (l *lexer) take(kind tokenKind, n int) token {
	t := token{kind, l.text[l.pos : l.pos+n], l.pos}
	l.pos += n
	return t
}

// quoted reads what is between quotes, in which a doubled quote is one.
func (l *lexer) quoted(kind tokenKind, quote byte) (token, error) {
	start := l.pos
	for i := start + 1; i < len(l.text); i++ {
		if l.text[i] != quote {
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == quote {
			i++
			continue
		}
		l.pos = i + 1
		one := string(quote)
		return token{kind, strings.ReplaceAll(l.text[start+1:i], one+one, one), start}, nil
	}
	return token{}, failAt(l.text, start, "syntax", "the closing %c is missing; inside, write it twice", quote)
}

// number reads a number or an unquoted time.
func (l *lexer) number() (token, error) {
	n := span(l.text[l.pos:], func(c byte) bool { return isNamePart(c) || strings.IndexByte(".+-:", c) >= 0 })
	t := l.take(numberToken, n)
	if record.IsNumber(t.text) {
		return t, nil
	}
	if isTime(t.text) {
		t.kind = timeToken
		return t, nil
	}
	return token{}, failAt(l.text, t.at, "syntax",
		"this is neither a number nor a time in RFC 3339 such as 2026-01-31T12:00:00Z; a text stands in single quotes")
}

// isTime reports whether text has the form of a time. One that is out of range
// is for the binder to refuse, which knows the field.
func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

// span returns how many octets at the beginning of text are of the class.
func span(text string, class func(byte) bool) int {
	n := 0
	for n < len(text) && class(text[n]) {
		n++
	}
	return n
}

func isSpace(c byte) bool    { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isLetter(c byte) bool   { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
func isNamePart(c byte) bool { return isLetter(c) || isDigit(c) }
func isSymbol(c byte) bool   { return strings.IndexByte("=<>!&|+*/%~", c) >= 0 }

// isClaimPart also allows what names of claims that are URLs are made of.
func isClaimPart(c byte) bool { return isNamePart(c) || strings.IndexByte("-.:/", c) >= 0 }
