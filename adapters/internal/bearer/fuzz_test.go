package bearer

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzSplit: whatever a token is, it is read or refused; and what is read, the
// library of everybody else reads as the same.
func FuzzSplit(f *testing.F) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, seed := range []string{
		"", "..", "a.b.c", part(`{"alg":"RS256"}`) + "." + part(`{"iss":"a","exp":1e3,"roles":["a",null,true]}`) + ".AAAA",
		part(`{"alg":"none"}`) + "." + part(`{"iss":"a","iss":"b"}`) + ".", part("\xff") + "." + part("{}") + ".AA",
		part(`{"a":{"b":[{"c":"\u00e9\ud83d\ude00"}]}}`) + "." + part("{}") + ".AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, ok := split(token)
		if !ok {
			return
		}
		texts := strings.Split(token, ".")
		if len(texts) != 3 || p.signed != texts[0]+"."+texts[1] || base64.RawURLEncoding.EncodeToString(p.signature) != texts[2] {
			t.Fatalf("%q was read as a token of which it is another spelling", token)
		}
		for i, got := range []map[string]any{p.header, p.claims} {
			text, err := base64.RawURLEncoding.DecodeString(texts[i])
			var want map[string]any
			if err != nil || json.Unmarshal(text, &want) != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%q was read as %v, want %v", text, got, want)
			}
		}
	})
}
