package httpapi

import (
	"net/http"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/password"
)

// authTag is the tag of accounts. No collection has this name.
const authTag = "auth"

// describeAuth adds what there is below /auth, and returns the tags and the ways to say
// who asks.
func (d *documenter) describeAuth(below Auth, tags array) (array, object) {
	schemes := securitySchemes
	if below.KeySet {
		d.describeKeySet()
	}
	if below.Accounts {
		d.sessions = below.Sessions
		d.describeAccounts()
		d.describeOAuth(below.OAuth)
	}
	if below.Sessions {
		schemes = withLogins(schemes)
	}
	if below.KeySet || below.Accounts {
		tags = append(tags, object{{"name", authTag}, {"description", "Accounts, logins, and the keys of our tokens."}})
	}
	return tags, schemes
}

// describeKeySet adds where the keys are that verify our tokens.
func (d *documenter) describeKeySet() {
	d.paths = d.paths.with(d.base+"/auth/jwks", object{{"get", object{
		{"operationId", "auth.jwks"},
		{"tags", array{authTag}},
		{"summary", "Get the keys that verify tokens of this server"},
		{"description", "Answers a JSON Web Key Set (RFC 7517). A key is in it for a while before it signs, and after."},
		{"responses", d.answers(object{{"200", object{
			{"description", "The public keys."},
			{"headers", d.headersOf()},
			{"content", object{{typeJSON, object{{"schema", object{
				{"type", "object"}, {"properties", object{{"keys", object{{"type", "array"}, {"items", object{{"type", "object"}}}}}}}, {"required", array{"keys"}},
			}}}}}},
		}}}, http.StatusNotAcceptable)},
		{"security", array{object{}}},
	}}})
}

// describeAccounts adds what is about accounts.
func (d *documenter) describeAccounts() {
	email := object{{"type", "string"}, {"format", "email"}, {"maxLength", 254}}
	chosen := object{
		{"type", "string"}, {"minLength", password.Least}, {"maxLength", password.Most},
		{"description", "Any characters; none of the 3,000 passwords that are chosen most often."},
	}
	given := object{{"type", "string"}, {"minLength", 1}}
	later := object{{"202", object{
		{"description", "What there is to do is said by mail to the address, if there is anything."}, {"headers", d.headersOf()},
	}}}
	login, entry := d.describeLogin(object{{"email", given}, {"password", given}})
	nothing := object{{"204", object{{"description", "It is done."}, {"headers", d.headersOf()}}}}
	d.authOperation("signup", "Make an account", "Makes an account, where the operator lets everybody make one.",
		closedObject(array{"email", "password"}, object{{"email", email}, {"password", chosen}}),
		object{{"201", d.accountAnswer("The account.", d.accountSchema())}, later[0]}, http.StatusConflict)
	d.authOperation("login", "Log in", "Begins a login, if the password is right.",
		closedObject(array{"email", "password"}, entry), login)
	d.authOperation("refresh", "Get new tokens", "Answers with new tokens for a refresh token, which the new one replaces. One that was replaced ends the login.",
		closedObject(array{"refresh_token"}, object{{"refresh_token", given}}),
		object{{"200", d.accountAnswer("The tokens (RFC 6749, section 5.1).", d.tokenSchema())}})
	d.authOperation("password", "Set a password",
		"Sets new_password for who shows a credential and current_password, or for who has a code; or mails a code to email. All logins of the account end; who shows the current one gets a new one.",
		closedObject(array{}, object{{"new_password", chosen}, {"current_password", given}, {"code", given}, {"email", email}}),
		append(append(login, nothing...), later...), http.StatusUnprocessableEntity)
	d.authOperation("verify", "Verify an address", "Notes that an address is of who has a code that was sent to it, and knows the password; or mails another code to email.",
		closedObject(array{}, object{{"code", given}, {"password", given}, {"email", email}}), append(nothing, later...), http.StatusUnprocessableEntity)
	d.authOperation("logout", "Log out", "Ends the login of the credential, or all of the account.",
		closedObject(array{}, object{{"all", object{{"type", "boolean"}, {"default", false}}}}), nothing, http.StatusUnprocessableEntity)
	d.paths = d.paths.with(d.base+"/auth/me", object{{"get", object{
		{"operationId", "auth.me"},
		{"tags", array{authTag}},
		{"summary", "See the account that one is logged in with"},
		{"responses", d.answers(object{{"200", d.accountAnswer("The account.", d.accountSchema())}}, http.StatusNotAcceptable)},
		{"security", d.holding(array{needs("bearer")}, "session", "basic")},
	}}})
}

// describeLogin returns the answer with a new login, and the members of a body that asks
// for one.
func (d *documenter) describeLogin(members object) (answer, body object) {
	if !d.sessions {
		return object{{"200", d.accountAnswer("The tokens (RFC 6749, section 5.1).", d.tokenSchema())}}, members
	}
	choice := object{
		{"type", "string"}, {"enum", array{string(core.LoginToken), string(core.LoginCookie)}}, {"default", string(core.LoginToken)},
		{"description", "What the login is shown by: tokens, or a cookie that the browser keeps from scripts."},
	}
	answer = object{
		{"200", d.accountAnswer("The tokens (RFC 6749, section 5.1); or, of a session, the account, with the cookie.",
			object{{"oneOf", array{d.tokenSchema(), d.accountSchema()}}})},
	}
	return answer, members.with("session", choice)
}

// holding returns the security with more schemes, where there are sessions.
func (d *documenter) holding(security array, more ...string) array {
	if !d.sessions {
		return security
	}
	for _, scheme := range more {
		security = append(security, needs(scheme))
	}
	return security
}

// authOperation adds what POST does at the path.
func (d *documenter) authOperation(name, summary, description string, body, well object, statuses ...int) {
	security, required := array{object{}}, true
	switch name {
	case "logout":
		security, required = d.holding(array{needs("bearer")}, "session"), false
	case "password":
		security = d.holding(array{object{}, needs("bearer")}, "session", "basic")
	}
	statuses = append(statuses, http.StatusTooManyRequests)
	d.paths = d.paths.with(d.base+"/auth/"+name, object{{"post", object{
		{"operationId", "auth." + strings.ToLower(name)},
		{"tags", array{authTag}},
		{"summary", summary},
		{"description", description},
		{"requestBody", object{{"required", required}, {"content", object{{typeJSON, object{{"schema", body}}}}}}},
		{"responses", d.answers(well, append(statuses, bodyStatuses...)...)},
		{"security", security},
	}}})
}

func (d *documenter) accountAnswer(description string, schema object) object {
	return object{{"description", description}, {"headers", d.headersOf()}, {"content", object{{typeJSON, object{{"schema", schema}}}}}}
}

func closedObject(required array, properties object) object {
	return object{{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}}
}

// accountSchema returns the reference to the schema of an account.
func (d *documenter) accountSchema() object {
	return shared(&d.schemas, "schemas", "Account", func() object {
		return closedObject(array{"id", "email_verified", "roles", "created"}, object{
			{"id", object{{"type", "string"}, {"description", "The subject of its credentials."}}},
			{"email", object{{"type", "string"}, {"format", "email"}, {"description", "Left out if a provider has none that it verified."}}},
			{"email_verified", object{{"type", "boolean"}}},
			{"roles", object{{"type", "array"}, {"items", object{{"type", "string"}}}}},
			{"created", object{{"type", "string"}, {"format", "date-time"}}},
		})
	})
}

// tokenSchema returns the reference to the schema of the tokens of a login.
func (d *documenter) tokenSchema() object {
	return shared(&d.schemas, "schemas", "Tokens", func() object {
		return closedObject(array{"access_token", "token_type", "expires_in", "refresh_token"}, object{
			{"access_token", object{{"type", "string"}, {"description", "For Authorization: Bearer."}}},
			{"token_type", object{{"type", "string"}, {"enum", array{"Bearer"}}}},
			{"expires_in", object{{"type", "integer"}, {"minimum", 0}, {"description", "Seconds until access_token is over."}}},
			{"refresh_token", object{{"type", "string"}, {"description", "Gives new tokens, once."}}},
		})
	})
}

// withLogins adds the credentials of accounts to the ways to say who asks.
func withLogins(schemes object) object {
	return schemes.with("session", object{
		{"type", "apiKey"}, {"in", "cookie"}, {"name", cookieName}, {"description", "The cookie of a login. It writes for pages of this server alone."},
	}).with("basic", object{
		{"type", "http"}, {"scheme", "basic"}, {"description", "The e-mail address and the password of an account, over TLS."},
	})
}
