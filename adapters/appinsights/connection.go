package appinsights

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
)

// A connection is what a connection string says.
type connection struct {
	key   string // of instrumentation, which names the resource
	track string // the address of the endpoint
	scope string // of tokens of Entra
}

// parse reads a connection string: parts as Key=value, apart by semicolons, whose keys may be
// in any case.
func parse(text string) (connection, error) {
	const op = "appinsights.Open"
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if key, value, ok := strings.Cut(part, "="); ok {
			parts[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	to := connection{key: parts["instrumentationkey"], scope: "https://monitor.azure.com//.default"}
	if to.key == "" {
		return to, fault.New(fault.Invalid, op, "there is no connection string with an InstrumentationKey").
			Hinting("copy the one of the Application Insights resource into APPLICATIONINSIGHTS_CONNECTION_STRING or the secret that connection_string names")
	}
	if audience := parts["aadaudience"]; audience != "" {
		to.scope = strings.TrimRight(audience, "/") + "/.default"
	}
	endpoint := parts["ingestionendpoint"]
	switch suffix, location := parts["endpointsuffix"], parts["location"]; {
	case endpoint != "":
	case suffix != "" && location != "":
		endpoint = "https://" + location + ".dc." + suffix
	case suffix != "":
		endpoint = "https://dc." + suffix
	default:
		endpoint = "https://dc.services.visualstudio.com"
	}
	address, err := url.Parse(endpoint)
	if err != nil || address.Host == "" || !safe(address) {
		return to, fault.New(fault.Invalid, op, "the IngestionEndpoint of the connection string is no https address").
			Hinting("copy the connection string anew from the Application Insights resource")
	}
	to.track = strings.TrimRight(endpoint, "/") + "/v2.1/track"
	return to, nil
}

// safe reports whether what is sent to the address cannot be read on the way.
func safe(to *url.URL) bool {
	address, err := netip.ParseAddr(to.Hostname())
	here := to.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return to.Scheme == "https" || to.Scheme == "http" && here
}
