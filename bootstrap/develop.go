package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"path"
	"strings"
	"time"

	"github.com/portolan-io/portolan/configs"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// sampleCollections are the collections that the sample is for, those that
// others refer to first.
var sampleCollections = []string{"categories", "products"}

// developmentKeyLife is how long the key of a laptop is valid.
const developmentKeyLife = 24 * time.Hour

// developing is what was made for a laptop at the start.
type developing struct {
	loaded map[string]int64 // records of the sample, by collection
	key    string           // the API key, or empty
}

// develop does what the section development asks for.
func (s *served) develop(ctx context.Context, log *slog.Logger) (developing, error) {
	d := developing{loaded: make(map[string]int64)}
	if s.settings.Development.Sample {
		for _, collection := range sampleCollections {
			n, err := s.loadSample(ctx, collection)
			if err != nil {
				return d, err
			}
			d.loaded[collection] = n
		}
	}
	if !s.settings.Development.AdminKey {
		return d, nil
	}
	if listen := s.settings.Service.Listen; !isLoopback(listen) {
		log.Warn("no development key is made, because others may reach the address; development.admin_key is for 127.0.0.1", "listen", listen)
		return d, nil
	}
	_, secret, err := s.api.CreateKey(ctx, operator(), core.Key{
		Name: "development", Subject: "developer", Roles: []string{"admin"}, Expires: time.Now().Add(developmentKeyLife),
	})
	d.key = secret
	return d, err
}

// loadSample imports the part of the sample that is for the collection, in the
// way of any other import.
func (s *served) loadSample(ctx context.Context, collection string) (int64, error) {
	source, err := sampleSource(collection)
	if err != nil {
		return 0, err
	}
	summary, err := s.api.Import(ctx, operator(), core.ImportRequest{Collection: collection, Source: source, MaxRejects: -1})
	if err != nil {
		return 0, err
	}
	if summary.Rejected > 0 {
		return 0, fault.New(fault.Conflict, "bootstrap.sample", "%s of the sample do not fit the collection %s as it is configured",
			records(summary.Rejected), collection).Hinting("leave development.sample out, or give the collection the fields of the sample")
	}
	return summary.Loaded, nil
}

// sampleSource returns the embedded file with the sample of a collection.
func sampleSource(collection string) (ingest.Source, error) {
	names, err := fs.Glob(configs.Files, "sample/"+collection+".*")
	if err != nil || len(names) != 1 {
		return ingest.Source{}, fault.New(fault.Internal, "bootstrap.sample", "there is no sample of %s", collection).Because(err)
	}
	name := names[0]
	format, gzip, err := ingest.FormatOf(name)
	if err != nil {
		return ingest.Source{}, err
	}
	info, err := fs.Stat(configs.Files, name)
	if err != nil {
		return ingest.Source{}, err
	}
	return ingest.Source{
		Name: path.Base(name), Format: format, Gzip: gzip, Size: info.Size(),
		Open: func(context.Context) (io.ReadCloser, error) { return configs.Files.Open(name) },
	}, nil
}

// announce prints where everything is and what to try, if this is for a
// laptop. Elsewhere the log says it.
func (p *program) announce(ctx context.Context, s *served, srv *server, d developing) {
	if s.settings.Development == (Development{}) {
		return
	}
	api := srv.public.url() + s.settings.Service.Base
	fmt.Fprintf(p.out, "\nPortolan is ready, with everything in the %s repository.\n\n", s.settings.Repository.Driver)
	fmt.Fprintf(p.out, "  API    %s\n", api)
	if s.settings.Service.Docs == "public" {
		fmt.Fprintf(p.out, "  docs   %s/docs\n", srv.public.url())
	}
	if srv.admin.listener != nil {
		fmt.Fprintf(p.out, "  admin  %s/metrics, /readyz, /debug/pprof/\n", srv.admin.url())
	}
	if d.key != "" {
		fmt.Fprintf(p.out, "  key    %s   (role admin, valid for a day, shown this once)\n", d.key)
	}
	for _, collection := range sampleCollections {
		if n := d.loaded[collection]; n > 0 {
			fmt.Fprintf(p.out, "  %-10s %s\n", collection, records(n))
		}
	}
	if lines := s.examples(ctx, api, d); len(lines) > 0 {
		fmt.Fprintf(p.out, "\nTry it:\n\n  %s\n\nCtrl-C stops it.\n\n", strings.Join(lines, "\n  "))
	}
}

// examples returns lines for a shell that work as they are: a list, a record,
// and, if there is a key for it, a write, which may be repeated.
func (s *served) examples(ctx context.Context, api string, d developing) []string {
	if len(d.loaded) == 0 {
		return nil
	}
	id, err := s.firstProduct(ctx)
	if err != nil {
		return nil
	}
	lines := []string{
		fmt.Sprintf("curl '%s/products?$filter=stars%%20ge%%204.5&$orderby=price&$select=asin,title,price&$first=3'", api),
		fmt.Sprintf("curl -i '%s/products/%s'", api, id),
	}
	if d.key == "" {
		return lines
	}
	return append(lines, fmt.Sprintf(
		`curl -i -X PUT '%s/categories/9001' -H 'X-API-Key: %s' -H 'Content-Type: application/json' -d '{"name":"Sea Charts"}'`, api, d.key))
}

// firstProduct returns the id of a product that there is.
func (s *served) firstProduct(ctx context.Context) (string, error) {
	page, err := s.api.List(ctx, operator(), "products", core.ListRequest{First: 1, Select: "asin"})
	if err != nil {
		return "", err
	}
	var products []struct{ ASIN string }
	if err := json.Unmarshal(page.Body, &products); err != nil {
		return "", err
	}
	if len(products) == 0 {
		return "", errors.New("there are no products")
	}
	return products[0].ASIN, nil
}

// isLoopback reports whether only this machine can reach the address that is
// listened on. A name other than localhost may stand for any address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// reachable returns an address that a client on this machine can use for the
// one that is listened on.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
