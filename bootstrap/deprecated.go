package bootstrap

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core"
)

// A Deprecated says that a collection is to go.
type Deprecated struct {
	// From when on callers are asked not to use the collection: a date, or a time
	// with its zone. It may be in the future.
	Since Date `yaml:"since" jsonschema:"required"`
	// From when on the collection may be gone, if that is known.
	Sunset Date `yaml:"sunset"`
	// The address of a page that says what to do instead.
	Link string `yaml:"link"`
}

// A Date is a day, which begins in UTC, or a moment as RFC 3339 has it.
type Date struct{ time.Time }

// UnmarshalText reads 2026-01-31 or 2026-01-31T12:00:00Z.
func (d *Date) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if moment, err := time.Parse(layout, string(text)); err == nil {
			d.Time = moment
			return nil
		}
	}
	return errors.New("no date")
}

// deprecation returns what the collection says of its end, nil if nothing, and
// notes what cannot be.
func deprecation(entry *Entry[Collection], found *mistakes) *core.Deprecation {
	d := entry.Value.Deprecated
	if d == nil {
		return nil
	}
	note := func(key, format string, args ...any) {
		found.add(entry.file, within(entry.node, []string{"deprecated", key}), "collections."+entry.Name+".deprecated."+key, format, args...)
	}
	if !d.Sunset.IsZero() && d.Sunset.Before(d.Since.Time) {
		note("sunset", "the collection cannot be gone before it is deprecated, on %s", d.Since.Format(time.DateOnly))
	}
	address, err := url.Parse(d.Link)
	if d.Link != "" && (err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" || strings.ContainsAny(d.Link, `<>" `)) {
		note("link", "%s is no address of a page; write one like https://example.com/changes", quoted(d.Link))
	}
	return &core.Deprecation{Since: d.Since.Time, Sunset: d.Sunset.Time, Link: d.Link}
}
