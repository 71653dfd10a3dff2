package datastore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// digest returns the revision of an entity that another program may write, which keeps
// none: the hash of all its properties, in the order of their names. It changes with
// each of them, whether the collection knows it or not.
func digest(of *schema.Table, properties []datastore.Property) record.Revision {
	return record.Revision(hex.EncodeToString(of.Digest(appendProperties(nil, properties))[:16]))
}

func appendProperties(dst []byte, properties []datastore.Property) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(properties)))
	for _, p := range properties {
		dst = appendStored(appendText(dst, p.Name), p.Value)
	}
	return dst
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// appendStored appends a stored value, so that no two of them look the same.
func appendStored(dst []byte, stored any) []byte {
	switch v := stored.(type) {
	case nil:
		return append(dst, '0')
	case bool:
		if v {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case int64:
		return binary.AppendVarint(append(dst, 'i'), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(v+0)) // of -0, too
	case time.Time:
		return binary.AppendVarint(append(dst, 'm'), v.UnixMicro())
	case string:
		return appendText(append(dst, 's'), v)
	case []byte:
		return appendText(append(dst, 'b'), string(v))
	case []any:
		dst = binary.AppendUvarint(append(dst, 'l'), uint64(len(v)))
		for _, item := range v {
			dst = appendStored(dst, item)
		}
		return dst
	case *datastore.Key:
		return appendText(append(dst, 'k'), v.Encode())
	case *datastore.Entity:
		dst = appendProperties(append(dst, 'e'), sorted(v.Properties))
		if v.Key != nil {
			return appendText(dst, v.Key.Encode())
		}
		return append(dst, 0)
	}
	return appendText(append(dst, 'x'), fmt.Sprint(stored)) // a place
}
