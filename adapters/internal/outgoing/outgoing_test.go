package outgoing

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"
)

// TestReach: which addresses may be dialled.
func TestReach(t *testing.T) {
	for text, want := range map[string][3]bool{ // public, private, own
		"93.184.215.14":          {true, true, true},
		"2606:2800:21f::1":       {true, true, true},
		"::ffff:93.184.215.14":   {true, true, true},
		"127.0.0.1":              {false, false, true},
		"127.8.8.8":              {false, false, true},
		"::1":                    {false, false, true},
		"::ffff:127.0.0.1":       {false, false, true},
		"10.1.2.3":               {false, true, false},
		"172.31.255.255":         {false, true, false},
		"192.168.0.1":            {false, true, false},
		"100.64.0.1":             {false, true, false},
		"::ffff:10.1.2.3":        {false, true, false},
		"fd12::1":                {false, true, false},
		"169.254.169.254":        {},
		"::ffff:169.254.169.254": {},
		"fd00:ec2::254":          {},
		"fd20:ce::254":           {},
		"100.100.100.200":        {},
		"168.63.129.16":          {},
		"fe80::1":                {},
		"fe80::1%lo":             {},
		"0.0.0.0":                {},
		"0.1.2.3":                {},
		"::":                     {},
		"::127.0.0.1":            {},
		"64:ff9b::a9fe:a9fe":     {},
		"64:ff9b::7f00:1":        {},
		"2002:7f00:1::":          {},
		"2001:0:7f00:1::1":       {},
		"224.0.0.1":              {},
		"ff02::1":                {},
		"255.255.255.255":        {},
		"240.0.0.1":              {},
		"198.18.0.1":             {},
		"192.0.2.1":              {},
		"2001:db8::1":            {},
	} {
		for reach := Public; reach <= Own; reach++ {
			if got := reach.Has(netip.MustParseAddr(text)); got != want[reach] {
				t.Errorf("reach %d has %s: %t, want %t", reach, text, got, want[reach])
			}
		}
	}
	if Own.Has(netip.Addr{}) {
		t.Error("no address at all may be dialled")
	}
}

// TestCheckedAtDial: an address is refused whatever it is written as, and also if it is
// what a name stands for by the time that it is dialled.
func TestCheckedAtDial(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		for reach, want := range map[Reach]bool{Public: false, Private: false, Own: true} {
			err := ask(t, Client(reach, 5*time.Second), "http://"+host+":"+port)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("reach %d asks %s: %v, want that it does: %t", reach, host, err, want)
			}
		}
	}
	for _, host := range []string{"2130706433", "0177.0.0.1", "0x7f.1", "169.254.169.254", "0.0.0.0", "[::]"} {
		if err := ask(t, Client(Public, 2*time.Second), "http://"+host+":"+port); err == nil {
			t.Errorf("%s is asked", host)
		}
	}
}

// TestRebinding: a name that stood for a fine address when it was first looked up stands
// for this machine when it is dialled.
func TestRebinding(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	looks := 0
	dialer := &net.Dialer{Control: Public.control}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		looks++ // the second answer of a name server that lies
		return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}}
	if err := ask(t, client, "http://rebinds.example"); !errors.Is(err, ErrAddress) || looks != 1 {
		t.Errorf("after %d looks: %v, want %v", looks, err, ErrAddress)
	}
}

// TestNoRedirection: an answer that sends elsewhere is the answer.
func TestNoRedirection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("it was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	if err := ask(t, Client(Own, 5*time.Second), server.URL+"/"); err != nil {
		t.Error(err)
	}
}

// TestProxied: what a proxy would dial is looked at as far as it is written out.
func TestProxied(t *testing.T) {
	asked := 0
	proxied := roundTripper(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, errors.New("asked")
	})
	through := &transport{reach: Public, proxied: proxied, proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://10.0.0.1:3128") }}
	client := &http.Client{Transport: through}
	if err := ask(t, client, "http://169.254.169.254/"); !errors.Is(err, ErrAddress) || asked != 0 {
		t.Errorf("the proxy is asked for metadata: %v", err)
	}
	if err := ask(t, client, "https://login.example.com/"); err == nil || asked != 1 {
		t.Errorf("the proxy is not asked: %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func ask(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err == nil {
		_ = response.Body.Close()
	}
	return err
}
