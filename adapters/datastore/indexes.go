package datastore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// IndexFile returns what Datastore has to be told of the declared indexes before it
// serves what plan.go gives to them, as index.yaml for
//
//	gcloud datastore indexes create index.yaml
//
// (https://cloud.google.com/datastore/docs/tools/indexconfig). Indexes of single
// properties are there by themselves. It asks no database: index.yaml is made before
// there is one, and is good for any namespace.
func (Config) IndexFile(collections []*schema.Collection) []byte {
	var file strings.Builder
	file.WriteString("indexes:\n")
	written := map[string]bool{}
	for _, c := range collections {
		for _, index := range c.TableIndexes() {
			entry := indexEntry(c, index)
			if !written[entry] {
				written[entry] = true
				file.WriteString(entry)
			}
		}
	}
	return []byte(file.String())
}

// indexEntry returns the entry of one index; empty if there is none to make.
func indexEntry(c *schema.Collection, index schema.Index) string {
	keys := keysOf(c, index)
	if c.Table.Unmanaged || len(keys) == 0 || builtin(c, keys) {
		return ""
	}
	if last := keys[len(keys)-1]; !last.Desc {
		keys = keys[:len(keys)-1] // every index ends in the key
	}
	var entry strings.Builder
	fmt.Fprintf(&entry, "- kind: %q\n  properties:\n", c.TableName())
	for _, key := range keys {
		name := "__key__"
		if key.Field != c.ID {
			name = c.Fields[key.Field].Name
		}
		fmt.Fprintf(&entry, "  - name: %q\n", name)
		if key.Desc {
			entry.WriteString("    direction: desc\n")
		}
	}
	return entry.String()
}

// builtin reports whether Datastore has such an index by itself: of one property, with
// the key behind it, or of the key alone.
func builtin(c *schema.Collection, keys []query.Key) bool {
	last := keys[len(keys)-1]
	return len(keys) <= 2 && last == query.Key{Field: c.ID} && !keys[0].Desc
}

// Unserved returns those of the declared indexes that Datastore cannot have, because
// texts of a field may be too long for it, or that it does not have in a kind that is
// not managed: what is ordered by them is sorted here, if it is few.
func (s *Store) Unserved(_ context.Context, c *schema.Collection) ([]schema.Index, error) {
	var unserved []schema.Index
	for _, index := range c.Indexes {
		if keysOf(c, index) == nil {
			unserved = append(unserved, slices.Clone(index))
		}
	}
	return unserved, nil
}
