package httpapi

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	swaggerFiles "github.com/swaggo/files/v2"

	"github.com/portolan-io/portolan/core/fault"
)

// docResources returns the resources of the documentation: /openapi.json, which
// tells what the caller may do, and /docs with what is below it.
func (s *server) docResources() []*resource {
	page := map[string]operation{http.MethodGet: {serve: new(pages).serve, open: true}}
	return []*resource{
		{template: "/openapi.json", methods: map[string]operation{
			http.MethodGet: {serve: s.openapi, produces: producesJSON},
		}},
		{template: "/docs", methods: page},
		{template: "/docs/", below: true, methods: page},
	}
}

// docsPolicy lets the pages load what this server has, and nothing else. Swagger
// UI sets style attributes, and shows images that its own style sheet holds.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// docsPermissions are none of what browsers give away: the page shows and sends
// requests.
const docsPermissions = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

//go:embed docs
var ownDocs embed.FS

// docsFiles are the files of the documentation, with their media types and
// where they come from: our two, and those of Swagger UI that they use.
var docsFiles = map[string]struct {
	mediaType string
	from      func(name string) ([]byte, error)
}{
	"index.html":           {"text/html; charset=utf-8", own},
	"initializer.js":       {"text/javascript; charset=utf-8", own},
	"swagger-ui.css":       {"text/css; charset=utf-8", swagger},
	"swagger-ui-bundle.js": {"text/javascript; charset=utf-8", swagger},
	"favicon-32x32.png":    {"image/png", swagger},
	"favicon-16x16.png":    {"image/png", swagger},
}

func own(name string) ([]byte, error)     { return ownDocs.ReadFile("docs/" + name) }
func swagger(name string) ([]byte, error) { return fs.ReadFile(swaggerFiles.FS, name) }

// pages are the pages of the documentation.
type pages struct {
	tags sync.Map // by the name of the file, once it was asked for
}

// serve answers for /docs and what is below it with Swagger UI over
// /openapi.json. It needs nothing from any other server.
func (p *pages) serve(x *exchange) error {
	name := strings.TrimPrefix(strings.TrimPrefix(x.r.URL.Path, "/docs"), "/")
	if name == "" {
		name = "index.html"
	}
	file, known := docsFiles[name]
	if !known {
		return fault.New(fault.NotFound, "httpapi.docs", "the documentation has no such file").Coded("unknown-path").
			Hinting("it begins at /docs")
	}
	text, err := file.from(name)
	if err != nil {
		return err
	}
	h := x.Header()
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin") // the page may hold a key: who opened it gets no hold of it
	h.Set("Permissions-Policy", docsPermissions)
	h.Set("Referrer-Policy", "no-referrer")
	return x.sendTagged(p.tag(name, text), file.mediaType, text)
}

// tag returns the tag of the file, which is part of the program and never changes.
func (p *pages) tag(name string, text []byte) string {
	if tag, ok := p.tags.Load(name); ok {
		return tag.(string)
	}
	sum := sha256.Sum256(text)
	tag, _ := p.tags.LoadOrStore(name, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	return tag.(string)
}
