package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// typeCSV is the media type of CSV (RFC 4180).
const typeCSV = "text/csv"

// typesNDJSON are the names that lines of JSON go by. None is registered; the
// first is the usual one.
var typesNDJSON = []string{typeNDJSON, "application/ndjson", "application/jsonl"}

// A representation is a media type that records are answered in.
type representation struct {
	mediaType string // as Accept names it
	sent      string // as Content-Type does
	format    ingest.Format
}

// representations are those that records have, the best first.
var representations = []representation{
	{producesJSON, sentJSON, ""},
	{typesNDJSON[0], typesNDJSON[0] + "; charset=utf-8", ingest.NDJSON},
	{typesNDJSON[1], typesNDJSON[1] + "; charset=utf-8", ingest.NDJSON},
	{typesNDJSON[2], typesNDJSON[2] + "; charset=utf-8", ingest.NDJSON},
	{typeCSV, typeCSV + "; charset=utf-8; header=present", ingest.CSV},
}

// represent returns the representation that the lines of an Accept header want
// most, the better one of several that they want alike.
func represent(lines []string) (*representation, error) {
	if len(lines) == 0 {
		return &representations[0], nil
	}
	var chosen *representation
	best := 0.0
	for i := range representations {
		if q := quality(lines, representations[i].mediaType); q > best {
			chosen, best = &representations[i], q
		}
	}
	if chosen == nil {
		return nil, fault.New(fault.Invalid, "httpapi.represent", "Accept rules out every representation that records have").
			Coded(codeAccept).Hinting("send Accept with one of %s, or no Accept", strings.Join(represented, ", "))
	}
	return chosen, nil
}

// represented are the media types of the representations, by one name each.
var represented = []string{producesJSON, typeNDJSON, typeCSV}

// represented puts the representation that was accepted into the request. Only
// JSON has an envelope with room for a count.
func (x *exchange) represented(req *core.ListRequest) error {
	req.Format, req.Directives = x.as.format, directivesOf(x.r.Header)
	if req.Count && req.Format != "" {
		err := badOption("count-needs-json", "$count", "the count has no place in %s", x.as.mediaType)
		return err.Hinting("ask for it with Accept: %s, and $first=1 if nothing else is wanted", producesJSON)
	}
	return nil
}

// typesCreated are the media types that records are created from.
var typesCreated = []string{typeJSON, typeCSV, typesNDJSON[0], typesNDJSON[1], typesNDJSON[2]}

// given are the records of a body.
type given struct {
	records [][]byte // their JSON texts
	single  bool     // there is just one, outside any list
	lines   []int64  // of CSV: by row, where it begins
	wrong   []error  // of CSV: by row, why it is none of records; nil if all are
}

// records returns the records of a body. Rows of CSV that are no records are an
// error, unless what is wrong with one is not to hinder the others.
func (s *server) records(x *exchange, mediaType string, body []byte) (g given, err error) {
	switch {
	case mediaType == typeCSV:
		objects, err := s.api.Objects(x.r.Context(), x.who, x.collection, body)
		if err != nil && (objects == nil || !x.prefer.each) {
			return g, err
		}
		if err != nil {
			g.wrong = make([]error, len(objects))
		}
		for i, object := range objects {
			g.lines = append(g.lines, object.Line)
			if object.Wrong != nil {
				g.wrong[i] = object.Wrong
				continue
			}
			g.records = append(g.records, object.JSON)
		}
		return g, nil
	case slices.Contains(typesNDJSON, mediaType):
		mediaType = typeNDJSON
	}
	g.records, g.single, err = splitRecords(mediaType, body)
	return g, err
}

// all returns what became of every row, where w says that of the records only.
func (g *given) all(w core.Written) core.Written {
	all := core.Written{Results: make([]core.Result, max(len(w.Results), len(g.wrong))), Failed: make([]error, max(len(w.Results), len(g.wrong)))}
	next := 0
	for i := range all.Results {
		if g.wrong != nil && g.wrong[i] != nil {
			all.Failed[i] = g.wrong[i]
			continue
		}
		all.Results[i] = w.Results[next]
		if w.Failed != nil && w.Failed[next] != nil {
			all.Failed[i] = w.Failed[next]
			if g.lines != nil {
				all.Failed[i] = inLines(w.Failed[next], g.lines[i:i+1])
			}
		}
		next++
	}
	return all
}

// inLines returns the error with the places of records named by the lines of CSV
// that these come from: "line 3, price" instead of "/1/price".
func inLines(err error, lines []int64) error {
	if err == nil || lines == nil || len(fault.Of(err).Places) == 0 {
		return err
	}
	told := *fault.Of(err)
	told.Places = slices.Clone(told.Places)
	for i := range told.Places {
		place := &told.Places[i]
		row, field := 0, strings.TrimPrefix(place.Pointer, "/")
		if len(lines) > 1 {
			var position string
			position, field, _ = strings.Cut(field, "/")
			if row, _ = strconv.Atoi(position); row >= len(lines) {
				continue
			}
		}
		place.Pointer = "line " + strconv.FormatInt(lines[row], 10)
		if field != "" {
			place.Pointer += ", " + field
		}
	}
	return &told
}
