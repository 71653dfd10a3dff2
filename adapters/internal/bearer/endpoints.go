package bearer

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// Endpoints are what an issuer offers to a client that people sign in through.
type Endpoints struct {
	Authorization string // where their browsers are sent
	Token         string // where codes are exchanged
	NamesItself   bool   // it says who it is when it sends them back (RFC 9207)
	SecretInBody  bool   // it does not take a client's secret as a password of RFC 7617
}

// Discover asks the issuer for its discovery document, and returns what it offers with
// a client that reaches what of the issuer may be reached.
//
// It returns fault.Invalid if the answer is none of an issuer of that name, and
// fault.Unavailable if there is none now.
func Discover(ctx context.Context, op string, i Issuer) (Endpoints, *http.Client, error) {
	s, err := newSource(op, i)
	if err != nil {
		return Endpoints{}, nil, err
	}
	document, err := s.document(ctx)
	if err != nil {
		return Endpoints{}, nil, err
	}
	var found Endpoints
	for member, into := range map[string]*string{"authorization_endpoint": &found.Authorization, "token_endpoint": &found.Token} {
		*into, _ = document[member].(string)
		address, err := url.Parse(*into)
		if err != nil {
			return Endpoints{}, nil, s.wrong("the discovery document of the issuer %s has a %s that is no URL", i.Name, member)
		}
		why := s.unfit(address)
		if why == "" && address.Fragment != "" {
			why = "must have no fragment"
		}
		if why != "" {
			return Endpoints{}, nil, s.wrong("the %s in the discovery document of the issuer %s %s", member, i.Name, why)
		}
	}
	found.NamesItself, _ = document["authorization_response_iss_parameter_supported"].(bool)
	if methods, given := document["token_endpoint_auth_methods_supported"].([]any); given {
		found.SecretInBody = !slices.Contains(methods, any("client_secret_basic")) && slices.Contains(methods, any("client_secret_post"))
	}
	return found, s.client, nil
}
