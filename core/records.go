package core

import (
	"context"

	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/record"
)

// A ListRequest asks for one page of a collection, with the texts as the caller
// wrote them.
type ListRequest struct {
	Filter  string   // the filter language; empty matches everything
	OrderBy string   // "stars desc,price"; empty is by id
	Select  string   // "asin,title"; empty is every field the caller may see
	IDs     []string // only these records; nil is all, at most 500
	First   int      // rows in the page at most; 0 is 100, at most 1000
	After   string   // the Next of an earlier page of the same request, or empty
	Count   bool     // how many there are in all is wanted too
	Long    bool     // the filter may be 64 KiB long rather than 4
}

// A Page is a part of a list.
type Page struct {
	JSON  []byte // a JSON array of records
	Rows  int    // how many these are
	Next  string // the cursor of the page after this, or empty at the end
	Count int64  // how many records match in all; -1 if that was not asked
}

// A Condition is what a write requires of the record as it is. The zero
// Condition requires nothing.
type Condition struct {
	Revisions []record.Revision // its revision is one of these, if there are any
	Exists    bool              // it exists
	Absent    bool              // it does not exist
}

// A Result is one record as the caller may see it.
type Result struct {
	ID       record.ID
	Revision record.Revision
	Variant  string // names what of the record JSON shows: the projection
	JSON     []byte
	Created  bool // a write made it, rather than replaced it
}

// List returns one page of the records that match and that the caller may read.
func (a *API) List(ctx context.Context, who policy.Principal, collection string, req ListRequest) (Page, error)

// Get returns one record. A record that the caller may not read does not exist.
func (a *API) Get(ctx context.Context, who policy.Principal, collection, id, selection string) (Result, error)

// Create stores new records, given as JSON objects: all of them or none. The
// Place of an error names the record by its position, "/3/price", if there are
// several.
func (a *API) Create(ctx context.Context, who policy.Principal, collection string, bodies [][]byte) ([]Result, error)

// Replace stores the JSON object as the record of the given id, creating it if
// there is none.
func (a *API) Replace(ctx context.Context, who policy.Principal, collection, id string, body []byte, cond Condition) (Result, error)

// Patch changes the record by a JSON merge patch (RFC 7396).
func (a *API) Patch(ctx context.Context, who policy.Principal, collection, id string, patch []byte, cond Condition) (Result, error)

// Delete removes the record.
func (a *API) Delete(ctx context.Context, who policy.Principal, collection, id string, cond Condition) error

// DeleteMany removes all records that match the request's Filter and IDs, or
// none if there are more than most. It returns how many it removed.
func (a *API) DeleteMany(ctx context.Context, who policy.Principal, collection string, req ListRequest, most int) (int, error)
