package cachetest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/cache/cachetest"
	"github.com/portolan-io/portolan/ports/contract"
)

// A counting cache is a Coherent that is right, slow and simple, but for the one
// way in which a test makes it wrong: every tag has the number of its writes.
type counting struct {
	below cache.Cache
	life  string
	wrong string

	mu      sync.Mutex
	written map[string]uint64
	open    map[string]int
}

func over(wrong string) cachetest.Over {
	return func(below cache.Cache) cache.Coherent {
		life := rand.Text()
		if wrong == "immortal" {
			life = "always the same"
		}
		return &counting{below: below, life: life, wrong: wrong, written: make(map[string]uint64), open: make(map[string]int)}
	}
}

// name returns a text that no other collection and text have.
func (c *counting) name(collection, text string) string {
	if c.wrong == "one namespace" {
		collection = ""
	}
	if c.wrong == "joins names" {
		return collection + text
	}
	if c.wrong == "cuts names" {
		return fmt.Sprintf("%q%.200q", collection, text)
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprintf("%q%q", collection, text))))
}

// lease returns the numbers of all tags, and whether any of them is fenced.
func (c *counting) lease(key cache.Key) (lease string, fenced bool) {
	tags := key.Tags
	if c.wrong == "first tag" {
		tags = tags[:1]
	}
	lease = c.life
	var greatest uint64
	for _, tag := range tags {
		name := c.name(key.Collection, tag)
		lease += fmt.Sprint(" ", c.written[name])
		greatest = max(greatest, c.written[name])
		fenced = fenced || c.open[name] > 0
	}
	if c.wrong == "greatest number" {
		lease = fmt.Sprint(c.life, greatest)
	}
	if c.wrong == "one number" {
		lease = fmt.Sprint(c.life, c.written["all"])
	}
	if c.wrong == "constant lease" {
		lease = c.life
	}
	return lease, fenced && c.wrong != "never fenced"
}

func (c *counting) Look(ctx context.Context, key cache.Key) cache.Found {
	c.mu.Lock()
	lease, fenced := c.lease(key)
	c.mu.Unlock()
	if fenced {
		if c.wrong == "leases while fenced" {
			return cache.Found{State: cache.Fenced, Lease: cache.Lease(lease)}
		}
		return cache.Found{State: cache.Fenced}
	}
	kept, ok, err := c.below.Get(ctx, c.name(key.Collection, key.Text))
	ok = ok && (!key.Anew || c.wrong == "keeps to what is kept")
	switch {
	case err != nil && c.wrong == "panics":
		panic(err)
	case err != nil:
		return cache.Found{State: cache.Off}
	case !ok:
		return cache.Found{State: cache.Miss, Lease: cache.Lease(lease)}
	}
	if c.wrong == "trusts the cache" && len(kept) < 2 {
		return cache.Found{State: cache.Hit, Value: kept}
	}
	filled, value, ok := bytes.Cut(kept, []byte{'\n'})
	if !ok || string(filled) != lease && c.wrong != "versionless" {
		return cache.Found{State: cache.Miss, Lease: cache.Lease(lease)}
	}
	return cache.Found{State: cache.Hit, Value: value}
}

func (c *counting) Fill(ctx context.Context, key cache.Key, lease cache.Lease, value []byte, ttl time.Duration) {
	if c.wrong == "endless" {
		ttl = time.Hour
	}
	c.mu.Lock()
	now, fenced := c.lease(key)
	if c.wrong == "any lease" || c.wrong == "empty lease" && lease == "" {
		lease = cache.Lease(now)
	}
	c.mu.Unlock()
	if string(lease) != now || fenced {
		return
	}
	if c.wrong == "versions at set" { // rather than those that the value was read under
		_ = c.below.Set(ctx, c.name(key.Collection, key.Text)+"wait", nil, ttl)
		c.mu.Lock()
		now, _ = c.lease(key)
		c.mu.Unlock()
	}
	_ = c.below.Set(ctx, c.name(key.Collection, key.Text), append([]byte(now+"\n"), value...), ttl)
}

func (c *counting) Fence(_ context.Context, collection string, tags []string) (cache.Fence, error) {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = c.name(collection, tag)
	}
	slices.Sort(names)
	repeated := names
	names = slices.Compact(slices.Clone(names))
	if c.wrong != "counts repeats" {
		repeated = names
	}
	if c.wrong == "one tag of a write" {
		repeated, names = names[:1], names[:1]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range repeated {
		if c.open[name]++; c.wrong == "a flag" {
			c.open[name] = 1
		}
		if c.wrong != "counts at publish" {
			c.count(name)
		}
	}
	publish := func(_ context.Context, settled bool) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, name := range names {
			switch {
			case !settled && c.wrong != "settles all":
			case c.wrong != "never ends":
				c.open[name] = max(c.open[name]-1, 0)
			}
			if c.wrong == "clears all" && settled {
				c.open[name] = 0
			}
			if c.wrong == "counts at publish" {
				c.count(name)
			}
		}
		return nil
	}
	return cache.Fence{Publish: publish}, nil
}

// count notes a write of a tag, and what else goes wrong with the numbers.
func (c *counting) count(name string) {
	switch c.wrong {
	case "counts nothing":
		return
	case "wraps":
		c.written[name] = (c.written[name] + 1) % 2
		return
	case "forgets tags":
		if len(c.written) > 1000 {
			clear(c.written)
		}
	case "one number":
		c.written["all"]++
	}
	c.written[name]++
}

var wrongCoherents = map[string]string{
	"one namespace":         "Look/Collections",
	"joins names":           "Look/Boundaries",
	"cuts names":            "Look/LongText",
	"endless":               "Look/TTL",
	"one number":            "Look/OtherTags",
	"versionless":           "Order/FillFencePublish",
	"counts nothing":        "Order/FillFencePublish",
	"any lease":             "Order/FencePublishFill",
	"constant lease":        "Lease/Differs",
	"empty lease":           "Order/FillByAnEmptyLease",
	"never fenced":          "Order/LookWhileFenced",
	"leases while fenced":   "Order/LookWhileFenced",
	"versions at set":       "Order/SlowSet",
	"first tag":             "Order/AnyTag",
	"keeps to what is kept": "Look/Anew",
	"one tag of a write":    "Fence/Begins",
	"a flag":                "Fence/Two",
	"clears all":            "Fence/UnsettledAmongOthers",
	"counts repeats":        "Fence/TagTwice",
	"never ends":            "Fence/NothingStored",
	"settles all":           "Fence/Unsettled",
	"forgets tags":          "Lease/AfterManyOthers",
	"greatest number":       "Lease/Differs",
	"wraps":                 "Lease/Differs",
	"panics":                "Fault/Get",
	"trusts the cache":      "Fault/Foreign",
	"immortal":              "Fault/Restart",
}

func TestCoherentRight(t *testing.T) {
	cachetest.RunCoherent(t, func(_ *testing.T, c cache.Cache) cache.Coherent { return over("")(c) })
}

// TestCoherentWrong runs the suite over Coherents that are each wrong in one way.
func TestCoherentWrong(t *testing.T) {
	for wrong, catcher := range wrongCoherents {
		t.Run(wrong, func(t *testing.T) {
			cases := slices.DeleteFunc(cachetest.CoherentCases(), func(c cachetest.CoherentCase) bool { return c.Name != catcher })
			failing := contract.Failing(t.Context(), cases, func(contract.T) cachetest.Over { return over(wrong) })
			if len(failing) == 0 {
				t.Errorf("the case %s does not fail", catcher)
			}
		})
	}
}

// TestEveryCoherentCaseCatches runs the suite without a Coherent, and over a
// cache that is always off, which is right but of no use.
func TestEveryCoherentCaseCatches(t *testing.T) {
	cases := cachetest.CoherentCases()
	caught := contract.Failing(t.Context(), cases, func(contract.T) cachetest.Over {
		return func(cache.Cache) cache.Coherent { return nil }
	})
	if len(caught) != len(cases) {
		t.Errorf("%d of %d cases fail without a Coherent: %v", len(caught), len(cases), caught)
	}
	caught = contract.Failing(t.Context(), cases, func(contract.T) cachetest.Over {
		return func(cache.Cache) cache.Coherent { return off{} }
	})
	if len(caught) < len(cases)*3/4 {
		t.Errorf("%d of %d cases fail over a cache that is off: %v", len(caught), len(cases), caught)
	}
}

// off is a Coherent that keeps nothing.
type off struct{}

func (off) Look(context.Context, cache.Key) cache.Found                         { return cache.Found{} }
func (off) Fill(context.Context, cache.Key, cache.Lease, []byte, time.Duration) {}
func (off) Fence(context.Context, string, []string) (cache.Fence, error) {
	return cache.Fence{Publish: func(context.Context, bool) error { return nil }}, nil
}

// coherentDescriptions are the sentences that promise nothing: they say what a
// word means, or what the caller does.
var coherentDescriptions = []string{
	"What is kept depends on tags, such as a record or all products of a category.",
	"How the instances agree about that is the implementation's",
	"The value was read after Look returned.",
	"It returns before anything of the write is committed, and an error means that it must not be.",
	"The write's batch has the Witness among its mutations",
	"If one of these fails, nothing of the write is stored; then Abandon is called instead of Publish, and the write may begin again with a new Fence.",
}

// TestCoherentClauses compares the suite with the contract. What is said of a
// Lease is said with its type, which Disagreements does not read.
func TestCoherentClauses(t *testing.T) {
	source, err := os.ReadFile("../coherent.go")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(strings.ReplaceAll(string(source), "//", " ")), " ")
	var ofInterface []cachetest.CoherentCase
	for _, c := range cachetest.CoherentCases() {
		switch ofLease := strings.Index(said, c.Clause) >= strings.Index(said, "A Lease is"); {
		case !ofLease:
			ofInterface = append(ofInterface, c)
		case !strings.Contains(said, c.Clause):
			t.Errorf("the case %s quotes what the contract does not say: %q", c.Name, c.Clause)
		}
	}
	lines, err := contract.Disagreements("../coherent.go", ofInterface, coherentDescriptions...)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
}
