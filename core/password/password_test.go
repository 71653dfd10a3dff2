package password

import (
	"strings"
	"testing"

	"github.com/portolan-io/portolan/core/fault"
)

// TestCheck is the table of SECURITY 13.
func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, text, code string
	}{
		{"seven", "dk39xqp", "short-password"},
		{"eight", "dk39xqpw", ""},
		{"empty", "", "short-password"},
		{"seven characters of many octets", strings.Repeat("☃", 7), "short-password"},
		{"eight characters of many octets", "☃♞𝄞éß漢字ж", ""},
		{"letters alone", "quarzlaterne", ""},
		{"digits alone", "8204917365", ""},
		{"spaces", "        ", ""},
		{"a sentence", "correct horse battery staple", ""},
		{"nul and controls", "a\x00b\tc\nd\x7f", ""},
		{"64", strings.Repeat("kq", 32), ""},
		{"128", strings.Repeat("kq", 64), ""},
		{"the most", strings.Repeat("𝄞", Most), ""},
		{"one more", strings.Repeat("𝄞", Most) + "a", "long-password"},
		{"no UTF-8", "abcdefgh\xff", "bad-password"},
		{"frequent", "superman", "frequent-password"},
		{"frequent in capitals", "SuperMan", "frequent-password"},
		{"frequent digits", "1234567890", "frequent-password"},
		{"near to a frequent one", "password of mine", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(tt.text)
			code := ""
			if err != nil {
				code = fault.Of(err).Code
			}
			if code != tt.code || err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("Check = %v, want code %q", err, tt.code)
			}
			if err != nil && len(tt.text) > 6 && strings.Contains(err.Error(), tt.text) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// TestFrequent: there are as many as ASVS 6.2.4 asks for, and none that is refused
// anyway.
func TestFrequent(t *testing.T) {
	all := frequent()
	if len(all) != 3000 {
		t.Errorf("the list has %d passwords, want 3000", len(all))
	}
	for each := range all {
		if len(each) < Least || each != strings.ToLower(each) {
			t.Errorf("the list has %q, which is too short or has capitals", each)
		}
		if err := Check(strings.ToUpper(each)); fault.Of(err).Code != "frequent-password" {
			t.Errorf("%q may be chosen: %v", each, err)
		}
	}
}
