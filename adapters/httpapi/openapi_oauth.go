package httpapi

import (
	"net/http"

	"github.com/portolan-io/portolan/core"
)

// describeOAuth adds how people sign in at the providers.
func (d *documenter) describeOAuth(providers []string) {
	if len(providers) == 0 {
		return
	}
	names := array{}
	for _, name := range providers {
		names = append(names, name)
	}
	id := object{{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", object{{"type", "string"}, {"enum", names}}}}
	text := object{{"type", "string"}}
	query := func(name, description string, schema object) object {
		return object{{"name", name}, {"in", "query"}, {"description", description}, {"schema", schema}}
	}
	sent := object{{"303", object{{"description", "The browser goes there."}, {"headers", d.headersOf()}}}}
	path := d.base + "/auth/oauth/{id}"
	d.paths = d.paths.with(path, object{{"get", object{
		{"operationId", "auth.oauth"},
		{"tags", array{authTag}},
		{"summary", "Sign in at a provider"},
		{"description", "Sends the browser to the provider, which sends it back to the callback: the authorization code flow with PKCE."},
		{"parameters", array{
			id,
			query("redirect", "Where the browser goes afterwards: a path of this server, or an address of an origin whose pages may write with a session.", text),
			query("session", "What the login is shown by.", object{
				{"type", "string"}, {"enum", array{string(core.LoginCookie), string(core.LoginToken)}}, {"default", string(core.LoginCookie)},
			}),
		}},
		{"responses", d.answers(sent, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests)},
		{"security", array{object{}}},
	}}})
	d.paths = d.paths.with(path+"/callback", object{{"get", object{
		{"operationId", "auth.oauthcallback"},
		{"tags", array{authTag}},
		{"summary", "Come back from a provider"},
		{"description", "Where the provider sends the browser. It begins a login, once, in the browser that began to sign in."},
		{"parameters", array{id, query("state", "What was sent with the browser.", text), query("code", "What is exchanged for who it is.", text),
			query("iss", "Who the provider is (RFC 9207).", text), query("error", "Why nobody signed in.", text)}},
		{"responses", d.answers(append(sent, object{
			{"200", d.accountAnswer("The tokens (RFC 6749, section 5.1); or, of a session, the account, with the cookie.",
				object{{"oneOf", array{d.tokenSchema(), d.accountSchema()}}})},
		}...), http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests)},
		{"security", array{object{}}},
	}}})
}
