package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
)

// checkFormat returns an error unless pages can be written in the format.
func checkFormat(format ingest.Format) error {
	switch format {
	case "", ingest.NDJSON, ingest.CSV:
		return nil
	}
	return fault.New(fault.Invalid, "core.format", "there is no format %q", string(format)).
		Coded("unknown-format").Hinting("the formats are csv and ndjson, and JSON if none is named")
}

// written returns the rows in the format: as a JSON array if it is empty, as
// lines of JSON, or as CSV with the names as its header, whose cells are then
// the first Values of each row.
func written(format ingest.Format, names []string, rows []record.Row) []byte {
	switch format {
	case ingest.NDJSON:
		return lines(rows)
	case ingest.CSV:
		var out bytes.Buffer
		w := ingest.NewWriter(&out, names)
		for _, row := range rows {
			_ = w.Write(row.Values[:len(names)]) // a Buffer takes everything
		}
		_ = w.Flush()
		return out.Bytes()
	}
	return array(rows)
}

// lines joins rows to NDJSON.
func lines(rows []record.Row) []byte {
	size := 0
	for _, row := range rows {
		size += len(row.JSON) + 1
	}
	joined := make([]byte, 0, size)
	for _, row := range rows {
		joined = append(append(joined, row.JSON...), '\n')
	}
	return joined
}

// Objects returns the rows of a CSV text as the JSON objects that Create takes of
// this caller: a header with the names of fields that it may see, then at most
// MaxCreate rows. A cell that is empty without quotes leaves its field out. See
// ingest.Objects for the errors.
func (a *API) Objects(_ context.Context, who policy.Principal, collection string, text []byte) ([]ingest.Object, error) {
	c, right, err := a.gate(who, collection, policy.Create)
	if err != nil {
		return nil, err
	}
	return ingest.Objects(text, c.Collection, right.Hidden, MaxCreate)
}

// tag returns a text that pages share only if they say the same.
func (p *Page) tag() string {
	h := sha256.New()
	h.Write(p.Body)
	fmt.Fprintf(h, "\x00%s\x00%d", p.Next, p.Count)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

// array joins rows to a JSON array.
func array(rows []record.Row) []byte {
	size := 2
	for _, row := range rows {
		size += len(row.JSON) + 1
	}
	joined := append(make([]byte, 0, size), '[')
	for i, row := range rows {
		if i > 0 {
			joined = append(joined, ',')
		}
		joined = append(joined, row.JSON...)
	}
	return append(joined, ']')
}
