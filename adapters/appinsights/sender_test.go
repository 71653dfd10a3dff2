package appinsights_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/appinsights/appinsightstest"
)

// TestSend answers posts in ways that an endpoint does, and looks at what is posted again,
// after how long, and what is lost.
func TestSend(t *testing.T) {
	type answer func(http.ResponseWriter, []appinsightstest.Item) []appinsightstest.Item
	status := func(code int, after string) answer {
		return func(w http.ResponseWriter, items []appinsightstest.Item) []appinsightstest.Item {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(code)
			if code == http.StatusOK {
				return items
			}
			return nil
		}
	}
	part := func(statuses map[int]int) answer {
		return func(w http.ResponseWriter, items []appinsightstest.Item) []appinsightstest.Item {
			partial(w, len(items), statuses)
			var kept []appinsightstest.Item
			for i, item := range items {
				if statuses[i] == 0 {
					kept = append(kept, item)
				}
			}
			return kept
		}
	}
	garbage := func(w http.ResponseWriter, _ []appinsightstest.Item) []appinsightstest.Item {
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("no JSON"))
		return nil
	}
	ok := status(200, "")
	for _, tt := range []struct {
		name          string
		answers       []answer
		taken, lost   []string
		pauses        []time.Duration // 0 is one of our own
		fails, stalls bool            // there is an error; no time is left for a pause
	}{
		{"taken", []answer{ok}, []string{"a", "b", "c"}, nil, nil, false, false},
		{"throttled", []answer{status(429, "7"), ok}, []string{"a", "b", "c"}, nil, []time.Duration{7 * time.Second}, false, false},
		{"down for a while", []answer{status(503, ""), status(500, ""), status(502, ""), status(504, ""), status(408, ""), ok}, []string{"a", "b", "c"}, nil, []time.Duration{0, 0, 0, 0, 0}, false, false},
		{"no time left", []answer{status(503, "")}, nil, []string{"a", "b", "c"}, []time.Duration{0}, true, true},
		{"refused", []answer{status(400, "")}, nil, []string{"a", "b", "c"}, nil, true, false},
		{"no role", []answer{status(403, "")}, nil, []string{"a", "b", "c"}, nil, true, false},
		{"daily cap", []answer{status(439, "60")}, nil, []string{"a", "b", "c"}, nil, true, false},
		{"a part is refused", []answer{part(map[int]int{1: 400})}, []string{"a", "c"}, []string{"b"}, nil, true, false},
		{"a part is taken later", []answer{part(map[int]int{0: 429, 2: 503}), ok}, []string{"b", "a", "c"}, nil, []time.Duration{0}, false, false},
		{"of all sorts", []answer{part(map[int]int{0: 429, 2: 400}), ok}, []string{"b", "a"}, []string{"c"}, []time.Duration{0}, true, false},
		{"an index beyond", []answer{part(map[int]int{7: 429})}, []string{"a", "b", "c"}, nil, nil, false, false},
		{"an answer that is no JSON", []answer{garbage}, nil, []string{"a", "b", "c"}, nil, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			back := appinsightstest.NewReceiver(t)
			posts := 0
			back.Answer = func(w http.ResponseWriter, _ *http.Request, items []appinsightstest.Item) []appinsightstest.Item {
				posts++
				return tt.answers[posts-1](w, items)
			}
			var pauses []time.Duration
			s, err := appinsights.NewSender(back.ConnectionString(), func(d time.Duration) error {
				pauses = append(pauses, d)
				if tt.stalls {
					return errors.New("no time is left")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			lost, err := s.Send(t.Context(), "a", "b", "c")
			if (err != nil) != tt.fails {
				t.Errorf("Send = %v, want an error: %t", err, tt.fails)
			}
			var taken []string
			for _, item := range back.Items() {
				taken = append(taken, item.Name)
			}
			slices.Sort(lost)
			if diff := cmp.Diff(tt.taken, taken); diff != "" {
				t.Errorf("taken (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.lost, lost); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
			checkPauses(t, tt.pauses, pauses)
		})
	}
}

// checkPauses wants the pauses that the endpoint asked for as it did, and those of our own to
// double, to no more than half a minute.
func checkPauses(t *testing.T, want, got []time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("the pauses are %v, want %d", got, len(want))
	}
	own := time.Second
	for i, pause := range got {
		switch {
		case want[i] != 0 && pause != want[i]:
			t.Errorf("pause %d is %v, want %v", i, pause, want[i])
		case want[i] == 0 && (pause < own/2 || pause > own):
			t.Errorf("pause %d is %v, want one from %v to %v", i, pause, own/2, own)
		}
		own = min(2*own, 30*time.Second)
	}
}

// TestSendAcrossRegions shows that a post follows to the endpoint of a region, and to none
// that others can listen to.
func TestSendAcrossRegions(t *testing.T) {
	back := appinsightstest.NewReceiver(t)
	for to, taken := range map[string]int{back.URL + "/v2.1/track": 1, "http://region.example.com/v2.1/track": 0} {
		front := httptest.NewServer(http.RedirectHandler(to, http.StatusPermanentRedirect))
		defer front.Close()
		s, err := appinsights.NewSender("InstrumentationKey="+appinsightstest.Key+";IngestionEndpoint="+front.URL, func(time.Duration) error { return errors.New("no time is left") })
		if err != nil {
			t.Fatal(err)
		}
		if lost, err := s.Send(t.Context(), "a"); len(lost) != 1-taken || (err == nil) != (taken == 1) {
			t.Errorf("redirected to %s: %d items are lost, %v; want %d taken", to, len(lost), err, taken)
		}
	}
	if got := len(back.Items()); got != 1 {
		t.Errorf("%d items came, want 1", got)
	}
}

func TestConnectionStrings(t *testing.T) {
	const usual = "https://monitor.azure.com//.default"
	for _, tt := range []struct{ text, track, scope string }{
		{"InstrumentationKey=k;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;LiveEndpoint=https://x/", "https://westeurope-5.in.applicationinsights.azure.com/v2.1/track", usual},
		{"instrumentationkey=k", "https://dc.services.visualstudio.com/v2.1/track", usual},
		{" InstrumentationKey = k ; EndpointSuffix=applicationinsights.us; Location = usgovvirginia ", "https://usgovvirginia.dc.applicationinsights.us/v2.1/track", usual},
		{"InstrumentationKey=k;EndpointSuffix=ai.contoso.com;;", "https://dc.ai.contoso.com/v2.1/track", usual},
		{"InstrumentationKey=k;AadAudience=https://monitor.azure.us/", "https://dc.services.visualstudio.com/v2.1/track", "https://monitor.azure.us/.default"},
	} {
		track, scope, err := appinsights.Track(tt.text)
		if err != nil || track != tt.track || scope != tt.scope {
			t.Errorf("%q leads to %s with tokens for %s, %v; want %s and %s", tt.text, track, scope, err, tt.track, tt.scope)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.00:00:00.0000000", -1: "0.00:00:00.0000000", 1234567 * time.Nanosecond: "0.00:00:00.0012345",
		26*time.Hour + 3*time.Minute + 4*time.Second: "1.02:03:04.0000000",
	} {
		if got := appinsights.Duration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
