package bootstrap

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

func (p *program) openapiCommand() *cobra.Command {
	var roles []string
	command := &cobra.Command{
		Use:   "openapi",
		Short: "Write the OpenAPI document",
		Long: `Write the OpenAPI 3.1 document of exactly what a caller with the given roles may
do; without --role, what everybody may. Nothing is opened.`,
		Example: "  portolan openapi --role admin > openapi.json",
		Args:    exactly(),
		RunE:    func(c *cobra.Command, _ []string) error { return p.openapi(c.Context(), roles) },
	}
	command.Flags().StringSliceVar(&roles, "role", nil, "a role that the caller has; may be given more than once")
	return command
}

// openapi asks the API itself for its document, over an empty store.
func (p *program) openapi(ctx context.Context, roles []string) error {
	s, err := p.offline()
	if err != nil {
		return err
	}
	collections, err := s.collections()
	if err != nil {
		return err
	}
	store, err := memory.Open(ctx, memory.Config{})
	if err != nil {
		return err
	}
	defer store.Close()
	api, err := core.New(core.Config{Store: store, Collections: collections})
	if err != nil {
		return err
	}
	uploads, err := core.NewUploads(core.UploadsConfig{API: api}) // which says that there are some, and does nothing
	if err != nil {
		return err
	}
	_, issues := s.issuing()
	_, elsewhere := s.directory()
	handler, err := httpapi.New(httpapi.Config{
		Documented: httpapi.Auth{KeySet: issues, Accounts: s.Accounts != nil, Sessions: s.Accounts != nil && !elsewhere},
		API:        api, Uploads: uploads, Base: s.Service.Base, Docs: httpapi.DocsPublic, Log: slog.New(slog.DiscardHandler),
		Identify: func(context.Context, auth.Credential) (policy.Principal, error) {
			return policy.Principal{Issuer: "cli", Subject: "somebody", Roles: roles}, nil
		},
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/openapi.json", nil)
	if err != nil {
		return err
	}
	request.Host, request.RequestURI, request.RemoteAddr = "localhost", "/openapi.json", "127.0.0.1:1"
	if len(roles) > 0 {
		request.Header.Set("Authorization", "Bearer openapi")
	}
	answer := &answer{header: make(http.Header), status: http.StatusOK}
	handler.ServeHTTP(answer, request)
	if answer.status != http.StatusOK {
		return fault.New(fault.Internal, "bootstrap.openapi", "the document was answered with status %d", answer.status)
	}
	_, err = p.out.Write(answer.body.Bytes())
	return err
}

// An answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the headers of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps a part of the body.
func (a *answer) Write(part []byte) (int, error) { return a.body.Write(part) }
