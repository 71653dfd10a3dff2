package test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSlowHTTPTest has 400 clients of slowhttptest keep what they can of the server,
// by headers, bodies and readers that take for ever: others are served meanwhile, and
// nobody is left whose request does not come to its end. What a reader leaves in the
// buffers of its connection is the system's to keep. PORTOLAN_TEST_SLOWHTTP=1 has all
// three, else it is the first.
func TestSlowHTTPTest(t *testing.T) {
	long := os.Getenv("PORTOLAN_TEST_SLOWHTTP") != ""
	if !long && os.Getenv("PORTOLAN_TEST_ALL") == "" {
		t.Skip("neither PORTOLAN_TEST_SLOWHTTP nor PORTOLAN_TEST_ALL is set; see CONTRIBUTING.md")
	}
	program, err := exec.LookPath("slowhttptest")
	if err != nil {
		t.Fatal("slowhttptest is not installed; test/servers/install does that")
	}
	server := serve(t, t.TempDir(), write(t, t.TempDir(), "portolan.yaml", wireConfig))
	attacks := []struct {
		name   string
		leaves bool // nobody when it ends
		args   []string
	}{
		{"headers", true, []string{"-H", "-l", "90", "-u", server + "/v1/things"}},
		{"bodies", true, []string{"-B", "-l", "90", "-s", "100000", "-f", "application/json", "-u", server + "/v1/things"}},
		{"readers", false, []string{"-X", "-l", "20", "-k", "10", "-w", "1", "-y", "16", "-z", "1", "-n", "5", "-u", server + "/openapi.json"}},
	}
	if !long {
		attacks = attacks[:1]
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			served, ended := meanwhile(t, server+"/v1/things")
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, program, append(a.args, "-c", "400", "-r", "200", "-i", "5", "-p", "10")...).CombinedOutput()
			ended()
			said := colours.ReplaceAllString(string(out), "")
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if strings.Contains(said, "service available:   NO") || !strings.Contains(said, "service available:   YES") {
				t.Errorf("it was not available:\n%s", said)
			}
			if a.leaves && !strings.Contains(said, "No open connections left") {
				t.Errorf("some are left:\n%s", said)
			}
			t.Logf("%d requests of others were served meanwhile", served.Load())
		})
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// meanwhile asks again and again, until it is ended, and counts. Whatever is not served is
// an error.
func meanwhile(t *testing.T, url string) (served *atomic.Int64, end func()) {
	t.Helper()
	served = new(atomic.Int64)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := http.DefaultClient.Do(request)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				t.Error(err)
				return
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("others are answered with %s", response.Status)
			}
			served.Add(1)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return served, func() {
		stop()
		<-done
	}
}
