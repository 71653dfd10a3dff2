package bootstrap

import (
	"slices"
	"time"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/core/fault"
)

// A CORS says which pages of other origins may read answers.
type CORS struct {
	// The origins, exactly as browsers write them, such as https://app.example.com,
	// or "*" alone for every origin.
	Origins []string `yaml:"origins" jsonschema:"required"`
	// How long a browser may keep what it was told. The default is 10m.
	MaxAge time.Duration `yaml:"max_age"`
	// Browsers may send the cookies and certificates that they keep. A page that
	// sends a token or a key by itself does not need this. It cannot be allowed to
	// every origin.
	Credentials bool `yaml:"credentials"`
}

func (c *CORS) setDefaults() { c.MaxAge = 10 * time.Minute }

// of returns what the HTTP adapter is to do, nil if nothing was written.
func (c *CORS) of() *httpapi.CORS {
	if c == nil {
		return nil
	}
	return &httpapi.CORS{Origins: c.Origins, MaxAge: c.MaxAge, Credentials: c.Credentials}
}

// checkCORS notes origins that no browser sends, and what may not be allowed to
// every one.
func (s *settings) checkCORS(found *mistakes) {
	c := s.Service.CORS
	if c == nil {
		return
	}
	note := func(keys []string, format string, args ...any) {
		keys = append([]string{"service", "cors"}, keys...)
		found.add(s.document.name, within(s.document.root, keys), "service.cors", format, args...)
	}
	for i, origin := range c.Origins {
		if err := httpapi.CheckOrigin(origin); err != nil {
			note([]string{"origins", index(i)}, "%s", fault.Of(err).Detail)
		}
	}
	every := slices.Contains(c.Origins, "*")
	switch {
	case every && c.Credentials:
		note([]string{"credentials"}, "credentials cannot be allowed to every origin; name the origins instead of *")
	case every && len(c.Origins) > 1:
		note([]string{"origins"}, "* is every origin; leave the others out, or *")
	case len(c.Origins) == 0:
		note([]string{"origins"}, "there are no origins; write them as in [https://app.example.com], or leave cors out")
	}
}
