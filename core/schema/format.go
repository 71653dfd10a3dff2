package schema

import (
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// A format is a rule for the text of a string.
type format struct {
	fits func(text string) bool
	want string // ends the sentence "it must be …"
}

// formatNames lists the formats in the order that sentences list them.
var formatNames = []string{"uri", "email", "uuid", "date"}

var formats = map[string]format{
	"uri":   {isURI, "an absolute URI with scheme and host, https://example.com/a"},
	"email": {isEmail, "an e-mail address without a name, ann@example.com"},
	"uuid":  {isUUID, "a UUID of 36 characters, 01890a5d-ac96-774b-bcce-b302099a8057"},
	"date":  {isDate, "a date, 2026-01-31"},
}

// isURI follows RFC 3986, also where net/url is laxer about characters.
func isURI(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Hostname() != ""
}

// isEmail asks for an addr-spec of RFC 5322, as net/mail reads it.
func isEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || '9' < c) && (c < 'a' || 'f' < c) && (c < 'A' || 'F' < c) {
				return false
			}
		}
	}
	return true
}

func isDate(text string) bool {
	t, err := time.Parse(time.DateOnly, text)
	return err == nil && len(text) == len(time.DateOnly) && t.Year() >= 1
}

// The instants that a time may be, in microseconds since 1970: the years 1 to
// 9999 in UTC, which RFC 3339 and every engine can write.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	latest   = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// HoldsMicros reports whether a field can hold the time: one of the years 1 to 9999.
func HoldsMicros(micros int64) bool { return earliest <= micros && micros <= latest }

// parseTime reads RFC 3339 strictly, and drops what is below a microsecond.
// inRange says whether the instant may be kept.
func parseTime(text string) (micros int64, inRange, ok bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !strictTime(text) {
		return 0, false, false
	}
	micros = t.UnixMicro()
	return micros, HoldsMicros(micros), true
}

// strictTime refuses what time.Parse takes beyond RFC 3339 (golang/go#54580):
// an hour of one digit, a comma before the fraction, an offset out of range.
func strictTime(text string) bool {
	const hour, second, offset = len("2006-01-02T15"), len("2006-01-02T15:04:05"), len("07:00")
	if text[hour] != ':' || text[second] == ',' {
		return false
	}
	if text[len(text)-1] == 'Z' {
		return true
	}
	hours, minutes := text[len(text)-offset:len(text)-3], text[len(text)-2:]
	return hours < "24" && minutes < "60"
}

// laxTimes are the forms that tables of other systems use for times, in UTC.
var laxTimes = []string{time.DateOnly, time.DateTime}

// parseLaxTime is parseTime that also takes laxTimes.
func parseLaxTime(text string) (micros int64, inRange, ok bool) {
	for _, layout := range laxTimes {
		if len(text) != len(layout) {
			continue
		}
		if t, err := time.Parse(layout, text); err == nil {
			micros = t.UnixMicro()
			return micros, HoldsMicros(micros), true
		}
	}
	return parseTime(text)
}
