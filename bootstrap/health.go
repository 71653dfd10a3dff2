package bootstrap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core/fault"
)

// healthTimeout is how long a healthy server may take to say so.
const healthTimeout = 3 * time.Second

func (p *program) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server of this configuration whether it lives",
		Long: `Ask the server that listens where this configuration says whether it lives. The
exit code is 0 if it does. This is for container images, which have no curl.`,
		Example: "  portolan healthcheck\n  portolan healthcheck --json -c portolan.yaml",
		Args:    exactly(),
		RunE:    func(c *cobra.Command, _ []string) error { return p.healthcheck(c.Context()) },
	}
}

func (p *program) healthcheck(ctx context.Context) error {
	s, err := p.readOffline()
	if err != nil {
		return err
	}
	transport, url := &http.Transport{DisableKeepAlives: true}, "http://"+reachable(s.Service.Listen)+"/livez"
	if s.Service.TLS != nil {
		url = "https" + strings.TrimPrefix(url, "http")
		if transport.TLSClientConfig, err = p.expected(ctx, s.document); err != nil {
			return err
		}
	}
	err = askLive(ctx, transport, url)
	switch {
	case p.json && err != nil:
		unwell := map[string]any{"url": url, "alive": false, "problem": fault.Of(err).Detail}
		return errors.Join(&exitError{code: exitFailed}, p.printJSON(unwell)) // the report has said it
	case err != nil:
		return err
	case p.json:
		return p.printJSON(map[string]any{"url": url, "alive": true})
	}
	_, err = fmt.Fprintf(p.out, "%s is well\n", url)
	return err
}

// expected returns how to speak with the server of the configuration. Its certificate may
// be a secret.
func (p *program) expected(ctx context.Context, doc *document) (*tls.Config, error) {
	opened := &closers{}
	var shown *certificate
	if err := p.wire(ctx, doc, opened, func(ready *certificate) { shown = ready }); err != nil {
		return nil, err
	}
	return shown.expecting(), opened.close(ctx)
}

// askLive returns an error unless what answers at url says that it lives.
func askLive(ctx context.Context, transport *http.Transport, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fault.New(fault.Unavailable, "bootstrap.healthcheck", "%s does not answer", url).Because(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "bootstrap.healthcheck", "%s answers with status %d", url, response.StatusCode)
	}
	return nil
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Tell the version",
		Example: "  portolan version --json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if p.json {
				return p.printJSON(v)
			}
			_, err := fmt.Fprintf(p.out, "portolan %s (%s, %s, %s)\n", v.Version, v.Revision, v.Go, v.Platform)
			return err
		},
	}
}

type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion returns what the Go toolchain wrote into the program.
func buildVersion() version {
	v := version{Version: "devel", Revision: "unknown revision", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			v.Revision = setting.Value
		}
	}
	return v
}
