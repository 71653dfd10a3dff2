// Package outgoing makes clients for addresses that somebody else had a say in: an
// issuer's document says where its keys are, and a name means whatever its owner has it
// mean today. Start at [Client].
package outgoing

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// A Reach is which addresses may be dialled.
type Reach int

// The reaches. None of them has an address of a metadata service.
const (
	Public  Reach = iota // those of the internet
	Private              // those of private networks too (RFC 1918, RFC 4193, RFC 6598)
	Own                  // those of this machine too, and of no private network
)

// ErrAddress is why something was not dialled.
var ErrAddress = errors.New("the name stands for an address that may not be asked")

// Client returns a client that dials what reach has and nothing else, whatever a name
// stands for at that moment. It follows no redirection, and a request and its answer
// take as long as the timeout at most. Connections are not kept.
//
// Where the environment names a proxy for a request, the proxy dials: then only an
// address that is written out is looked at here, and the proxy has to look at the rest.
func Client(reach Reach, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: reach.control}
	direct := &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives: true, // a few requests an hour are not worth a connection
	}
	proxied := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &transport{reach: reach, direct: direct, proxied: proxied, proxy: http.ProxyFromEnvironment},
	}
}

// A transport dials by itself, unless there is a proxy that does.
type transport struct {
	reach           Reach
	direct, proxied http.RoundTripper
	proxy           func(*http.Request) (*url.URL, error)
}

// RoundTrip is that of http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := t.proxy(r)
	if err != nil {
		return nil, err
	}
	if through == nil {
		return t.direct.RoundTrip(r)
	}
	if address, err := netip.ParseAddr(r.URL.Hostname()); err == nil && !t.reach.Has(address) {
		return nil, ErrAddress
	}
	return t.proxied.RoundTrip(r)
}

// control is called with the address that is about to be dialled, after names were
// looked up, so that nothing is between the look and the dialling.
func (reach Reach) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !reach.Has(to.Addr()) {
		return ErrAddress
	}
	return nil
}

// Has reports whether the address may be dialled. One of IPv4 that is written as one of
// IPv6 is what it stands for.
func (reach Reach) Has(address netip.Addr) bool {
	address = address.WithZone("").Unmap()
	switch {
	case !address.IsValid() || within(metadata, address):
		return false
	case address.IsLoopback():
		return reach == Own
	case within(private, address):
		return reach == Private
	}
	return address.IsGlobalUnicast() && !within(special, address)
}

func within(ranges []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(address) })
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

var (
	// metadata are where clouds tell machines their secrets, outside the addresses that are
	// link-local.
	metadata = prefixes("169.254.0.0/16", "fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")

	// private are those of networks that are somebody's own.
	private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

	// special are of IANA's registries of addresses that are not of the internet, and those
	// of IPv6 that stand for one of IPv4, which a translator would dial.
	special = prefixes("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "3fff::/20", "5f00::/16", "fec0::/10")
)
