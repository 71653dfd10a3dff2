package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"sync"

	"go.yaml.in/yaml/v3"
)

// A lending is what is open and may be used by more than one configuration: while a server
// reloads there are two of them, and what both describe alike is open once. It is safe for
// concurrent use.
type lending struct {
	mu    sync.Mutex
	loans map[string]*loan
}

func newLending() *lending { return &lending{loans: make(map[string]*loan)} }

// A loan is one thing that is open, and is closed when the last that has it lets go of it.
type loan struct {
	value any
	users int
	own   *closers
}

// lend returns what is open under the key, or opens it with what open adds to own to be
// closed behind it. It lasts as long as one of the closers that it was lent to. One
// configuration is opened at a time.
func lend[T any](of *closers, key string, open func(own *closers) (T, error)) (T, error) {
	l := of.shares()
	lent := l.take(key)
	if lent == nil {
		lent = &loan{users: 1, own: &closers{lending: l}}
		value, err := open(lent.own)
		if err != nil {
			of.add(lent.own.close) // what was opened of it
			return value, err
		}
		lent.value = value
		l.mu.Lock()
		l.loans[key] = lent
		l.mu.Unlock()
	}
	of.add(func(ctx context.Context) error { return l.giveBack(ctx, key, lent) })
	return lent.value.(T), nil
}

// take returns what is open under the key for one more, or nil.
func (l *lending) take(key string) *loan {
	l.mu.Lock()
	defer l.mu.Unlock()
	lent := l.loans[key]
	if lent != nil {
		lent.users++
	}
	return lent
}

// giveBack closes what nobody has any more.
func (l *lending) giveBack(ctx context.Context, key string, lent *loan) error {
	l.mu.Lock()
	lent.users--
	last := lent.users == 0
	if last {
		delete(l.loans, key)
	}
	l.mu.Unlock()
	if !last {
		return nil
	}
	return lent.own.close(ctx)
}

// written returns a digest of what is written at the node and of what was read from it: of
// secrets that are asked for anew each time their names, of others what they are now.
func (d *decoder) written(node *yaml.Node, read reflect.Value) string {
	silent := *d
	silent.found = &mistakes{} // it was told before what is wrong
	h := sha256.New()
	silent.digest(h, node)
	digestValues(h, read)
	return hex.EncodeToString(h.Sum(nil))
}

func (d *decoder) digest(h hash.Hash, node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	fmt.Fprintf(h, "%d %d ", node.Kind, len(node.Content))
	if node.Kind == yaml.ScalarNode {
		text, _ := d.text(node, "")
		fmt.Fprintf(h, "%q ", text)
	}
	for _, inner := range node.Content {
		d.digest(h, inner)
	}
}

// digestValues digests what is no function. Fields are in the order of their type, and
// entries of maps in that of their keys.
func digestValues(h hash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.Interface:
	case reflect.Pointer:
		if !v.IsNil() {
			digestValues(h, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			digestValues(h, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			digestValues(h, v.Index(i))
		}
	default:
		fmt.Fprintf(h, "%v ", v) // fmt sorts the keys of maps
	}
}
