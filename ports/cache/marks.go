package cache

import "strings"

// A mark is empty, a token, or fences: these begin with FenceMark and are
// separated by FenceSeparator, so neither is part of a token's first octet or of a
// fence.
const (
	FenceMark      = "!"
	FenceSeparator = ","
)

// Fences returns the fences that a mark consists of, or none if it is a token or
// empty.
func Fences(mark string) []string {
	fences, fenced := strings.CutPrefix(mark, FenceMark)
	if !fenced {
		return nil
	}
	return strings.Split(fences, FenceSeparator)
}

// FenceMarkOf returns the mark that consists of the fences: empty if there is none.
func FenceMarkOf(fences []string) string {
	if len(fences) == 0 {
		return ""
	}
	return FenceMark + strings.Join(fences, FenceSeparator)
}
