package servers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Faults is a way to a server on which things go wrong.
type Faults struct {
	Address string // host:port, in the place of the server's
	t       testing.TB
	proxy   *toxiproxy.Proxy
}

// FaultsTo returns a way to the server at host:port, which ends with the test.
func FaultsTo(t testing.TB, upstream string) *Faults {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	f := &Faults{t: t, proxy: toxiproxy.NewProxy(server, "faults", "127.0.0.1:0", upstream)}
	f.Restore()
	f.Address = f.proxy.Listen
	t.Cleanup(f.Cut)
	return f
}

// Cut closes all connections, and refuses new ones.
func (f *Faults) Cut() {
	f.t.Helper()
	f.proxy.Stop()
}

// Restore lets connections through again, with nothing wrong.
func (f *Faults) Restore() {
	f.t.Helper()
	if f.proxy.Enabled {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		f.proxy.Toxics.ResetToxics(ctx)
		return
	}
	if err := f.proxy.Start(); err != nil {
		f.t.Fatal(err)
	}
}

// To has new connections go to another server, after those that there are were
// closed.
func (f *Faults) To(upstream string) {
	f.t.Helper()
	f.proxy.Stop()
	f.proxy.Upstream = upstream
	f.Restore()
}

// Hang takes what is sent, and never hands it on.
func (f *Faults) Hang() {
	f.t.Helper()
	f.add("timeout", "upstream", `"timeout":0`)
}

// Reset ends connections with an RST once something is sent.
func (f *Faults) Reset() {
	f.t.Helper()
	f.add("reset_peer", "upstream", `"timeout":0`)
}

// Delay hands on what the server answers that much later.
func (f *Faults) Delay(d time.Duration) {
	f.t.Helper()
	f.add("latency", "downstream", fmt.Sprintf(`"latency":%d`, d.Milliseconds()))
}

// Lose ends connections after so many octets of answers.
func (f *Faults) Lose(octets int) {
	f.t.Helper()
	f.add("limit_data", "downstream", fmt.Sprintf(`"bytes":%d`, octets))
}

func (f *Faults) add(kind, stream, attributes string) {
	f.t.Helper()
	_, err := f.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":1,"attributes":{%s}}`, kind, kind, stream, attributes)))
	if err != nil {
		f.t.Fatal(err)
	}
}
