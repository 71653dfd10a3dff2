//go:build linux

package drive

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// An answer is what is counted of one.
type answer struct {
	status int
	body   int // octets
}

var (
	errLength = errors.New("the answer has no Content-Length")
	errMore   = errors.New("more arrived than the answer to one request")
)

// parse reads an answer, and reports whether all of it is there.
func parse(octets []byte) (answer, bool, error) {
	head, _, complete := bytes.Cut(octets, []byte("\r\n\r\n"))
	if !complete {
		return answer{}, false, nil
	}
	const version = "HTTP/1.1 "
	if len(head) < len(version)+3 || string(head[:len(version)]) != version {
		return answer{}, false, fmt.Errorf("the answer begins with %.40q", head)
	}
	var a answer
	var err error
	if a.status, err = strconv.Atoi(string(head[len(version) : len(version)+3])); err != nil {
		return answer{}, false, err
	}
	if a.status != 204 && a.status != 304 {
		if a.body, err = contentLength(head); err != nil {
			return answer{}, false, err
		}
	}
	arrived := len(octets) - len(head) - 4
	if arrived > a.body {
		return answer{}, false, errMore
	}
	return a, arrived == a.body, nil
}

// contentLength returns the length that the head announces, whose name net/http
// writes in this one way.
func contentLength(head []byte) (int, error) {
	_, after, found := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !found {
		return 0, errLength
	}
	digits, _, _ := bytes.Cut(after, []byte("\r\n"))
	return strconv.Atoi(string(digits))
}
