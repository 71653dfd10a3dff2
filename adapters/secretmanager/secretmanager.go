// Package secretmanager takes secrets from Google Cloud's Secret Manager. Start at [Open];
// errors.go says what its answers mean.
package secretmanager

import (
	"context"
	"hash/crc32"
	"regexp"
	"strings"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/api/transport"

	"github.com/portolan-io/portolan/adapters/internal/kept"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// Config says where the secrets are. Who asks is found as Google's libraries find it, by
// Application Default Credentials
// (https://cloud.google.com/docs/authentication/application-default-credentials).
type Config struct {
	// Project is the id of the project; empty is that of the credentials.
	Project string `yaml:"project"`

	// Location is the region of regional secrets, such as europe-west3; empty is for
	// secrets that are not.
	Location string `yaml:"location"`

	// Options are further ones of the client, of tests.
	Options []option.ClientOption `yaml:"-"`

	// Failed is told at most once a minute of what is served though it cannot be read.
	Failed func(error) `yaml:"-"`

	// Now replaces the clock in tests; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// A Source is a secrets.Source over the secrets of one project.
type Source struct {
	*kept.Source
	parent string
	client *secretmanager.Client
}

var _ secrets.Source = (*Source)(nil)

// scope is what tokens are asked for.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// What Secret Manager and its resource names allow
// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create).
var (
	projects  = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,62}$`)
	locations = regexp.MustCompile(`^([a-z0-9-]{1,40})?$`)
	names     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	versions  = regexp.MustCompile(`^([1-9][0-9]{0,18}|[A-Za-z][A-Za-z0-9_-]{0,62})$`)
)

// Open returns the source, which asks with the first secret. The caller closes it.
func Open(ctx context.Context, cfg Config) (*Source, error) {
	if !locations.MatchString(cfg.Location) {
		return nil, fault.New(fault.Invalid, "secretmanager.Open", "location is no region, such as europe-west3")
	}
	options := cfg.Options
	if cfg.Project == "" {
		found, err := transport.Creds(ctx, append([]option.ClientOption{option.WithScopes(scope)}, options...)...)
		if err != nil {
			return nil, unopened(ctx, err)
		}
		cfg.Project = found.ProjectID
	}
	if !projects.MatchString(cfg.Project) {
		return nil, fault.New(fault.Invalid, "secretmanager.Open", "project must be the id of a project, which the credentials do not say").
			Hinting("write project: my-project")
	}
	parent := "projects/" + cfg.Project
	if cfg.Location != "" {
		parent += "/locations/" + cfg.Location
		options = append([]option.ClientOption{option.WithEndpoint("secretmanager." + cfg.Location + ".rep.googleapis.com:443")}, options...)
	}
	client, err := secretmanager.NewClient(ctx, options...)
	if err != nil {
		return nil, unopened(ctx, err)
	}
	client.CallOptions.AccessSecretVersion = nil // kept repeats
	s := &Source{client: client, parent: parent}
	s.Source = kept.New(kept.Config{Op: op, Read: s.read, Failed: cfg.Failed, Now: cfg.Now})
	return s, nil
}

// Close ends what is being read, forgets everything and hangs up.
func (s *Source) Close() error {
	_ = s.Source.Close() // it never fails
	_ = s.client.Close() // that of one that is closed, and nothing is lost
	return nil
}

// read returns the secret in the version, which is latest if none is named.
func (s *Source) read(ctx context.Context, ref secrets.Ref) (string, error) {
	if ref.Version == "" {
		ref.Version = "latest"
	}
	switch {
	case !names.MatchString(ref.Name):
		return "", fault.New(fault.Invalid, op, "Secret Manager has no secret called %.60q", ref.Name).
			Hinting("its names are letters, digits, dashes and underscores: write %.60s", strings.NewReplacer(".", "-", "/", "-").Replace(ref.Name))
	case !versions.MatchString(ref.Version):
		return "", fault.New(fault.NotFound, op, "the versions of Secret Manager are numbers from 1, latest or aliases, which %.60q is not", ref.Version)
	}
	answer, err := s.client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{
		Name: s.parent + "/secrets/" + ref.Name + "/versions/" + ref.Version,
	})
	if err != nil {
		return "", classify(ctx, err)
	}
	payload := answer.GetPayload()
	if sum := payload.DataCrc32C; sum != nil && *sum != int64(crc32.Checksum(payload.GetData(), crc32.MakeTable(crc32.Castagnoli))) {
		return "", fault.New(fault.Unavailable, op, "the secret was damaged on its way").Coded("damaged").Hinting("%s", later)
	}
	return string(payload.GetData()), nil
}
