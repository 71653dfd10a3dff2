//go:build linux

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// few is how many records, and about how many pages, are asked for where a cache
// is measured: every request of a round but the first ones is a hit.
const few = 1000

// largest returns how many categories, from the first on, have 20 products of
// every least price that is asked for, as the generator deals them out.
func largest(rows int) int { return min(rows/1000*rows/1000, 150) }

// readIDs returns the ids of the products in the file.
func readIDs(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var ids []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		id, _, _ := strings.Cut(lines.Text(), ",")
		ids = append(ids, id)
	}
	if len(ids) < 2 {
		return nil, fmt.Errorf("%s has no products", path)
	}
	return ids[1:], lines.Err()
}

// A path makes the path of a request, at random.
type path func(random *rand.Rand) string

// gets returns a source of GET requests with the header lines given, the same for
// each run. They are made beforehand.
func gets(headers string, of path) func(dst []byte) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([]string, 8192)
	for i := range requests {
		requests[i] = "GET " + of(random) + " HTTP/1.1\r\nHost: bench\r\n" + headers + "\r\n"
	}
	at := 0
	return func(dst []byte) []byte {
		at = (at + 1) % len(requests)
		return append(dst, requests[at]...)
	}
}

// one asks for one of the records below the prefix.
func one(prefix string, ids []string) path {
	return func(random *rand.Rand) string { return prefix + ids[random.IntN(len(ids))] }
}

// page asks for the 20 best products of one of the largest categories, with one of
// so many least prices; the format takes the category and the price.
func (w *workshop) page(format string, prices int) path {
	return func(random *rand.Rand) string {
		return fmt.Sprintf(format, 1+random.IntN(largest(len(w.ids))), random.IntN(prices))
	}
}

// same asks for one path.
func same(path string) path { return func(*rand.Rand) string { return path } }

// created counts the products that were sent to be created, so that each has an
// id of its own.
type created struct{ atomic.Int64 }

// posts returns a source of requests that create one product each.
func (c *created) posts(path, headers string) func(dst []byte) []byte {
	var body []byte
	return func(dst []byte) []byte {
		n := c.Add(1)
		body = productBody(body[:0], "C"+strconv.FormatInt(n, 10), n)
		return appendRequest(dst, "POST", path, "application/json", headers, body)
	}
}

// productBody appends a product.
func productBody(dst []byte, id string, n int64) []byte {
	dst = append(append(dst, `{"asin":"`...), id...)
	dst = append(dst, `","title":"Northwind Foldable Kettle with Automatic Shut-off (Graphite) with Cool-touch Handle and Water Gauge",`...)
	dst = append(dst, `"imgUrl":"https://images.example/I/AB12CD34EF5._AC_UL320_.jpg","productURL":"https://shop.example/dp/`...)
	dst = append(dst, id...)
	dst = append(dst, `","stars":4.5,"reviews":17,"price":29.99,"listPrice":39.99,"category_id":`...)
	return append(strconv.AppendInt(dst, 1+n%4, 10), `,"isBestSeller":false,"boughtInLastMonth":50}`...)
}

// appendRequest appends a request with a body.
func appendRequest(dst []byte, method, path, mediaType, headers string, body []byte) []byte {
	for _, part := range []string{method, " ", path, " HTTP/1.1\r\nHost: bench\r\nContent-Type: ", mediaType, "\r\nContent-Length: "} {
		dst = append(dst, part...)
	}
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(append(append(dst, "\r\n"...), headers...), "\r\n"...)
	return append(dst, body...)
}
