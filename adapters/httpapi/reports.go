package httpapi

import (
	"net/http"
	"strconv"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/record"
)

// report is the reply to a write of several records of which some may have
// failed: what became of each, in their order. It is 207 also if all of them are
// stored, or none, so that who asks for it reads one form only. An id stands
// as in a path; return=minimal leaves the records out.
//
//	{"value":[{"status":201,"id":"A1","etag":"…","location":"…","record":{…}},
//	          {"status":409,"error":{…a problem…}}],"stored":1,"failed":1}
func (x *exchange) report(w core.Written) reply {
	body := append(make([]byte, 0, 256*len(w.Results)), `{"value":[`...)
	failed := 0
	for i, result := range w.Results {
		if i > 0 {
			body = append(body, ',')
		}
		if w.Failed[i] != nil {
			failed++
			body = x.appendFailure(body, w.Failed[i])
			continue
		}
		body = x.appendStored(body, result)
	}
	body = strconv.AppendInt(append(body, `],"stored":`...), int64(len(w.Results)-failed), 10)
	body = strconv.AppendInt(append(body, `,"failed":`...), int64(failed), 10)
	return reply{status: http.StatusMultiStatus, applied: x.applied(), mediaType: sentJSON, body: [][]byte{append(body, '}')}}
}

func (x *exchange) appendStored(body []byte, result core.Result) []byte {
	body = strconv.AppendInt(append(body, `{"status":`...), http.StatusCreated, 10)
	body = record.AppendString(append(body, `,"id":`...), string(result.ID))
	if tag := writtenTag(result); tag != "" {
		body = record.AppendString(append(body, `,"etag":`...), tag)
	}
	if location := x.location(result.ID); location != "" {
		body = record.AppendString(append(body, `,"location":`...), location)
	}
	if result.JSON != nil && !x.prefer.minimal {
		body = append(append(body, `,"record":`...), result.JSON...)
	}
	return append(body, '}')
}

func (x *exchange) appendFailure(body []byte, err error) []byte {
	problem, status := problemOf(fault.Of(err), x.path, x.id)
	body = strconv.AppendInt(append(body, `{"status":`...), int64(status), 10)
	return append(append(append(body, `,"error":`...), problem...), '}')
}
