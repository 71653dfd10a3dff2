// Package ingest turns files into records: it finds the rows of a CSV or NDJSON
// source, cleans them, and says exactly what is wrong with those that it
// rejects and where they stand. It also writes records as CSV and NDJSON. Start
// at [Reader]; what is done with the rows is core's.
package ingest

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// A Format is how records are written in a file.
type Format string

// The formats.
const (
	CSV    Format = "csv"    // RFC 4180, with a header
	NDJSON Format = "ndjson" // one JSON object a line
)

// suffixes are the ends of file names that tell a format.
var suffixes = map[string]Format{".csv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON}

// FormatOf tells from the name of a file how records are written in it, and
// whether it is compressed: .csv, .ndjson and .jsonl, each also with .gz.
func FormatOf(name string) (f Format, gzip bool, err error) {
	lower, gzip := strings.CutSuffix(strings.ToLower(path.Base(name)), ".gz")
	if f, ok := suffixes[path.Ext(lower)]; ok {
		return f, gzip, nil
	}
	return "", false, fault.New(fault.Invalid, "ingest.FormatOf", "the name %q does not tell a format", path.Base(name)).
		Coded("unknown-format").Hinting("the name ends with .csv, .ndjson or .jsonl, and may have .gz behind that; else name the format")
}

// A Position is where in a source something begins.
type Position struct {
	Offset int64 // in octets, of the source as it is when decompressed
	Line   int64 // its physical line, from 1
}

// Progress says how far an import came.
type Progress struct {
	Read, Total int64 // octets of the source as it is stored; Total is -1 if unknown
	Rows        int64 // rows done: Loaded and Rejected
	Loaded      int64
	Rejected    int64
	Repeated    int64  // of the rejected: because their id occurs earlier
	Phase       string // what goes on
}

// The phases of an import.
const (
	Checking = "checking" // the source is read to know whether it is the same as before
	Loading  = "loading"
)

// A Summary says what an import did: all of it, also if it was resumed.
type Summary struct {
	Job      string           // names the import of this source into this collection
	Rows     int64            // all that were read: Loaded and Rejected
	Loaded   int64            // rows stored, or valid in a dry run
	Rejected int64            // rows left out
	ByCode   map[string]int64 // the rejected by the code of their reason
	Elapsed  time.Duration    // of this call alone

	Resumed  bool // it went on where an earlier one was ended
	Finished bool // an earlier one had finished already, and nothing was done
	Anew     bool // an earlier one was not finished, and this one began at the start without it
	DryRun   bool // nothing was stored; that ids repeat is not found out
}

// A Reject is a row that was left out, and why: a line of the rejects file,
// which is NDJSON.
type Reject struct {
	Line   int64  `json:"line"`   // the physical line where the row begins, from 1
	Column string `json:"column"` // the field that is wrong, or empty if it is the row as a whole
	Code   string `json:"code"`   // stable name of the reason
	Reason string `json:"reason"` // one sentence
	Row    string `json:"row"`    // as it stands in the source; of a very long one the beginning; empty if fields are encrypted
}

// Append appends the reject as a line of the rejects file.
func (r Reject) Append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"line":`...), r.Line, 10)
	dst = record.AppendString(append(dst, `,"column":`...), r.Column)
	dst = record.AppendString(append(dst, `,"code":`...), r.Code)
	dst = record.AppendString(append(dst, `,"reason":`...), r.Reason)
	dst = record.AppendString(append(dst, `,"row":`...), r.Row)
	return append(dst, '}', '\n')
}

// Codes of rejects that are about rows as a whole; those of cells are the
// schema's.
const (
	BrokenQuote = "broken-quote"      // a quote that does not end, or stands where none may
	WrongCells  = "wrong-cells"       // more or fewer cells than the header has
	TooLong     = "row-too-long"      // more than MaxRow octets
	NotUTF8     = "not-utf8"          // octets that are no UTF-8
	DuplicateID = "duplicate-id"      // the id occurs earlier in this source
	NoReference = "reference-missing" // what the row refers to does not exist
)

// MaxRow is the most octets of one row.
const MaxRow = 2 << 20

// MaxRowLines is the most physical lines of one row of CSV, whose quoted cells
// may hold line ends.
const MaxRowLines = 1000
