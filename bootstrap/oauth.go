package bootstrap

import (
	"context"
	"net/netip"
	"net/url"
	"regexp"

	"github.com/portolan-io/portolan/adapters/httpapi"
	"github.com/portolan-io/portolan/adapters/oauth"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// OAuth is an OpenID Connect provider where people sign in for an account here.
type OAuth struct {
	// Whose ID tokens are accepted, exactly as its discovery document says it: a URL with
	// https; http is for a provider on this machine.
	Issuer string `yaml:"issuer" jsonschema:"required"`
	// Who this server is at the provider. What it sends browsers back to is
	// /v1/auth/oauth/{name}/callback behind service.public_url, which it has to know.
	ClientID string `yaml:"client_id" jsonschema:"required"`
	// What shows the provider that it is this server, best as secret://name. Without it
	// this server is a public client there.
	ClientSecret secrets.Value `yaml:"client_secret"`
	// What is asked for besides openid. The default is [email].
	Scopes []string `yaml:"scopes"`
	// Where roles are in the ID token: a claim, or a path into one, as
	// realm_access.roles. They replace those of the account each time. Without it the
	// operator gives roles, with portolan users roles.
	RolesClaim string `yaml:"roles_claim"`
	// Roles here by those of the token; if it is given, no others are roles.
	RoleMap map[string]string `yaml:"role_map"`
	// What the provider may sign with. The default is RS256, PS256, ES256 and EdDSA.
	Algorithms []string `yaml:"algorithms"`
	// The provider is in a private network, so that what it names may be at addresses of
	// such networks. The default is false: the internet, and this machine for a provider
	// that is on it.
	Private bool `yaml:"private"`
}

// providerName is what a provider may be called in a path.
var providerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// signingIn are the providers where people sign in, by their names.
type signingIn map[string]httpapi.Provider

// checkOAuth notes what providers lack.
func (s *settings) checkOAuth(found *mistakes) {
	for _, each := range s.Accounts.OAuth {
		if !providerName.MatchString(each.Name) {
			found.add(each.file, each.key, join("accounts.oauth", each.Name),
				"a provider is called by a small letter and up to 31 more, digits and dashes, because its name is in paths")
		}
	}
	if why := s.badPublicURL(); why != "" {
		found.add(s.document.name, within(s.document.root, []string{"service", "public_url"}), "service.public_url", "%s", why)
	}
}

// badPublicURL says what is wrong with service.public_url, empty if nothing is.
func (s *settings) badPublicURL() string {
	text := s.Service.PublicURL
	if text == "" {
		if len(s.Accounts.OAuth) == 0 {
			return ""
		}
		return "accounts.oauth needs it: providers send browsers back to an address that they know; write one like https://api.example.com"
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || text != address.Scheme+"://"+address.Host {
		return "it is like https://api.example.com, without a path and a slash at the end"
	}
	ip, _ := netip.ParseAddr(address.Hostname())
	if address.Scheme != "https" && (address.Scheme != "http" || address.Hostname() != "localhost" && !ip.IsLoopback()) {
		return "it begins with https:// (http:// is for 127.0.0.1, ::1 and localhost)"
	}
	return ""
}

// openProviders opens the providers where people sign in.
func openProviders(ctx context.Context, s *settings, opened *closers) (signingIn, error) {
	if s.Accounts == nil {
		return nil, nil //nolint:nilnil // there are none, and nothing is wrong
	}
	used, err := usageOf(opened)
	if err != nil {
		return nil, err
	}
	all := make(signingIn)
	for _, each := range s.Accounts.OAuth {
		client, err := oauth.Open(ctx, oauth.Config{
			Issuer: each.Value.Issuer, ClientID: each.Value.ClientID, ClientSecret: each.Value.ClientSecret,
			Redirect: s.Service.PublicURL + s.Service.Base + "/auth/oauth/" + each.Name + "/callback",
			Scopes:   each.Value.Scopes, RolesClaim: each.Value.RolesClaim, RoleMap: each.Value.RoleMap,
			Algorithms: each.Value.Algorithms, Private: each.Value.Private,
		})
		if err != nil {
			why := fault.Of(err)
			return nil, fault.New(why.Kind, "bootstrap.openProviders", "the provider %s of accounts.oauth could not be opened: %s", each.Name, why.Detail).
				Hinting("%s", why.Hint).Because(err)
		}
		opened.addClose(client.Close)
		all[each.Name] = notedProvider{client, used.of(oauthKey(each.Name))}
	}
	return all, nil
}
