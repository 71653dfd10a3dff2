package derive

import (
	"strings"
	"unicode"
)

// slug makes text fit a path: letters in lower case and without accents, digits,
// and a single hyphen for anything else between them. Letters of other scripts
// stay. Slug of a slug is the slug.
func slug(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		plain, folded := plainLetters[r]
		switch {
		case unicode.Is(unicode.Mn, r): // an accent that stands by itself
			continue
		case !folded && !unicode.IsLetter(r) && !unicode.IsDigit(r):
			gap = true
			continue
		case !folded:
			plain = string(r)
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteString(plain)
	}
	return b.String()
}

// plainLetters are the accented letters of Latin-1 and Latin Extended-A in
// lower case, and what remains of them.
var plainLetters = func() map[rune]string {
	letters := make(map[rune]string)
	for plain, accented := range map[string]string{
		"a": "àáâãäåāăą", "ae": "æ", "c": "çćĉċč", "d": "ďđð", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ",
		"i": "ìíîïĩīĭįı", "ij": "ĳ", "j": "ĵ", "k": "ķĸ", "l": "ĺļľŀł", "n": "ñńņňŋ", "o": "òóôõöøōŏő", "oe": "œ",
		"r": "ŕŗř", "s": "śŝşšſ", "ss": "ß", "t": "ţťŧ", "th": "þ", "u": "ùúûüũūŭůűų", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
	} {
		for _, r := range accented {
			letters[r] = plain
		}
	}
	return letters
}()
