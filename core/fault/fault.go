// Package fault is the one vocabulary of errors: a dozen kinds, each with its
// meaning and what the caller does about it. Start at [Kind] and [New].
package fault

import (
	"context"
	"errors"
	"fmt"
)

// A Kind classifies an error for whoever has to act on it. A Kind is itself an
// error, so errors.Is(err, fault.Stale) asks for it.
type Kind string

// The kinds. Programs act on the kind and the code, never on the text.
const (
	Invalid         Kind = "invalid"         // the request cannot be understood; mend it
	Unauthenticated Kind = "unauthenticated" // nobody known asks; sign in
	Forbidden       Kind = "forbidden"       // somebody known asks for what is not theirs; do not repeat
	NotFound        Kind = "not-found"       // there is no such thing, or it is hidden from the caller
	Exists          Kind = "already-exists"  // the id is taken; choose another or replace
	Conflict        Kind = "conflict"        // what is stored forbids it (a reference, a schema); change that first
	Stale           Kind = "stale"           // the revision given is not the current one; read again
	TooLarge        Kind = "too-large"       // a limit of size; send less at once
	Refused         Kind = "refused"         // understood, but it cannot be done as asked; the hint says what can
	Limited         Kind = "rate-limited"    // too many requests; wait
	Unsupported     Kind = "unsupported"     // this adapter lacks the capability
	Unavailable     Kind = "unavailable"     // a dependency did not answer; repeating may help
	Internal        Kind = "internal"        // a defect of this program; report it
)

// Kinds lists every kind, in the order of their declaration.
var Kinds = [...]Kind{
	Invalid, Unauthenticated, Forbidden, NotFound, Exists, Conflict, Stale,
	TooLarge, Refused, Limited, Unsupported, Unavailable, Internal,
}

func (k Kind) Error() string { return string(k) }

// An Error is a classified error. Kind, Code, Detail, Hint and Places are for
// the caller and never hold a cause, a statement or a value of another's; Op
// and Cause are for the log.
type Error struct {
	Kind   Kind
	Code   string  // stable name of the exact condition, "unknown-field"; never empty
	Detail string  // one sentence about this occurrence
	Hint   string  // what would help, or empty
	Places []Place // where in the input, if it is about some places of it
	Op     string  // the operation that failed, "memory.Apply"
	Cause  error   // what lies beneath, or nil
}

// A Place is one thing wrong with the input. Pointer is a JSON pointer (RFC
// 6901) into the body, or the name of a parameter.
type Place struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// New returns an error of the given kind, with the kind as its code.
func New(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: string(kind), Op: op, Detail: fmt.Sprintf(format, args...)}
}

// Coded sets the stable code of the exact condition and returns e.
func (e *Error) Coded(code string) *Error { e.Code = code; return e }

// Hinting sets what would help and returns e.
func (e *Error) Hinting(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At adds places of the input and returns e.
func (e *Error) At(places ...Place) *Error { e.Places = append(e.Places, places...); return e }

// Because sets the cause, which only a log may show, and returns e.
func (e *Error) Because(cause error) *Error { e.Cause = cause; return e }

// Error is for logs: it includes the operation and the cause.
func (e *Error) Error() string {
	text := string(e.Kind) + ": " + e.Detail
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	for _, place := range e.Places {
		text += fmt.Sprintf(" (%s: %s)", place.Pointer, place.Detail)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Is reports whether target is the kind of e.
func (e *Error) Is(target error) bool { return target == e.Kind }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of the outermost classified error in err's chain,
// the empty kind for nil, Unavailable for a done context's error and Internal
// for anything unclassified.
func KindOf(err error) Kind {
	if err == nil { // which is usual, and needs no memory
		return ""
	}
	var classified *Error
	var kind Kind
	switch {
	case errors.As(err, &classified):
		return classified.Kind
	case errors.As(err, &kind):
		return kind
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable
	}
	return Internal
}

// Of returns the outermost classified error in err's chain; an unclassified
// err becomes the cause of an Internal one. Of(nil) is nil.
func Of(err error) *Error {
	var classified *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return classified
	}
	return New(KindOf(err), "", "%s", plain[KindOf(err)]).Because(err)
}

// plain is what a caller is told of an error that has no words of its own.
var plain = map[Kind]string{
	Invalid:         "the request cannot be understood",
	Unauthenticated: "the caller is not known",
	Forbidden:       "the caller may not do this",
	NotFound:        "there is no such thing",
	Exists:          "there is such a thing already",
	Conflict:        "what is stored forbids it",
	Stale:           "it has changed since it was read",
	TooLarge:        "it is too large",
	Refused:         "it cannot be done as asked",
	Limited:         "there were too many requests",
	Unsupported:     "it is not supported here",
	Unavailable:     "the request was not finished in time",
	Internal:        "something went wrong on the server",
}
