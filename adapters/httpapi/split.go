package httpapi

import (
	"bytes"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
)

// splitRecords returns the JSON texts of the records in a body, and whether
// there is just one outside any list. It finds where each begins and ends, no
// more: whoever decodes a text refuses what is not JSON in it.
func splitRecords(mediaType string, body []byte) (records [][]byte, single bool, err error) {
	if mediaType == typeNDJSON {
		records, err = splitLines(body)
		return records, false, err
	}
	switch trimmed := bytes.TrimLeft(body, jsonSpace); {
	case len(trimmed) > 0 && trimmed[0] == '[':
		records, err = splitArray(trimmed[1:])
		return records, false, err
	}
	return [][]byte{body}, true, nil
}

// jsonSpace is what JSON takes for white space.
const jsonSpace = " \t\r\n"

// splitLines splits NDJSON at its line ends. Blank lines are left out.
func splitLines(body []byte) ([][]byte, error) {
	var records [][]byte
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if line = bytes.Trim(line, jsonSpace); len(line) == 0 {
			continue
		}
		if records = append(records, line); len(records) > core.MaxCreate {
			return nil, tooMany()
		}
	}
	if records == nil {
		return nil, badList("there is no record in the body")
	}
	return records, nil
}

// splitArray splits the rest of a JSON array, after its opening bracket, at the
// commas of its first level.
func splitArray(rest []byte) ([][]byte, error) {
	var records [][]byte
	depth, start := 0, 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '"':
			i = stringEnd(rest, i)
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth > 0 {
				if c != ',' {
					depth--
				}
				continue
			}
			item := bytes.Trim(rest[start:i], jsonSpace)
			last := c == ']'
			switch {
			case c == '}':
				return nil, badList("the array is closed by }")
			case len(item) == 0 && last && records == nil:
				return nil, badList("there is no record in the array")
			case len(item) == 0:
				return nil, badList("an item of the array is missing")
			case len(records) == core.MaxCreate:
				return nil, tooMany()
			case last && len(bytes.Trim(rest[i+1:], jsonSpace)) > 0:
				return nil, badList("something follows the array")
			}
			records = append(records, item)
			if start = i + 1; last {
				return records, nil
			}
		}
	}
	return nil, badList("the array does not end")
}

// stringEnd returns where the string that begins at text[i] ends: at its
// closing quote, or at the end of text.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

func badList(detail string) error {
	return fault.New(fault.Invalid, "httpapi.splitRecords", "%s", detail).Coded("bad-json")
}

func tooMany() error {
	return fault.New(fault.TooLarge, "httpapi.splitRecords", "there are more than %d records in one request", core.MaxCreate).
		Coded("too-many-records").Hinting("send fewer at once, or all of them as NDJSON or CSV to $import, which replaces what is there")
}
