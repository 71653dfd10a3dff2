package auth

// An Attempt is one sign-in at a provider, from when a browser is sent there until it is
// back. All of it are secrets of this server and that browser.
type Attempt struct {
	State    string // that the browser brings back (RFC 6749, section 10.12)
	Nonce    string // that the ID token brings back (OpenID Connect Core, section 3.1.2.1)
	Verifier string // that the code is exchanged with (RFC 7636)
}

// A Return is what a browser brings back from a provider.
type Return struct {
	Code   string // never to be logged, nor put into an error
	Issuer string // who the provider says that it is (RFC 9207); empty if it does not
}
