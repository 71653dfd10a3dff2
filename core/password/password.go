// Package password says which passwords may be chosen. Start at [Check].
package password

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // of the list
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/portolan-io/portolan/core/fault"
)

// How long a password may be, in characters: Unicode code points, each of which may
// have up to four octets.
const (
	Least   = 8
	Advised = 15
	Most    = 256
)

// Check returns fault.Invalid if the password may not be chosen: if it is too short
// or too long, if it is not Unicode, or if it is one of the 3,000 that are chosen most
// often, in whichever case. There is no rule about which characters it has (NIST SP
// 800-63B, section 3.1.1.2), and no character that it may not have. The error holds
// nothing of the password.
func Check(text string) error {
	const op = "password.Check"
	if !utf8.ValidString(text) {
		return fault.New(fault.Invalid, op, "the password is not UTF-8").Coded("bad-password")
	}
	switch n := utf8.RuneCountInString(text); {
	case n < Least:
		return fault.New(fault.Invalid, op, "the password has fewer than %d characters", Least).Coded("short-password").
			Hinting("a few words that have nothing to do with each other are long and easy to remember; %d characters are advised", Advised)
	case n > Most:
		return fault.New(fault.Invalid, op, "the password has more than %d characters", Most).Coded("long-password").
			Hinting("%d characters are advised", Advised)
	}
	if _, found := frequent()[strings.ToLower(text)]; found {
		return fault.New(fault.Invalid, op, "the password is one of those that are tried first").Coded("frequent-password").
			Hinting("choose one that nobody else would choose")
	}
	return nil
}

// frequentText is a sorted list of passwords in lower case, one a line. Whose it is
// says frequent.LICENSE.
//
//go:embed frequent.txt.gz
var frequentText []byte

// frequent returns the passwords of the list. It is part of the program, and is read
// at the first password that anybody chooses.
var frequent = sync.OnceValue(func() map[string]struct{} {
	all := make(map[string]struct{}, 3000)
	text, err := gzip.NewReader(bytes.NewReader(frequentText))
	if err != nil {
		panic(err) // the test reads it too
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		all[lines.Text()] = struct{}{}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
	return all
})
