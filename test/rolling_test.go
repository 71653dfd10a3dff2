package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestRollingRestarts replaces the server by another process again and again while
// clients go on, behind a proxy that follows /readyz as load balancers do. No
// request fails, nothing that was acknowledged is missing, and each old process ends
// well. PORTOLAN_TEST_RESTARTS asks for so many restarts with the usual drain delay
// and 10,000 requests for each, instead of the short form.
func TestRollingRestarts(t *testing.T) {
	restarts, each, delay := 3, int64(300), "300ms"
	if text := os.Getenv("PORTOLAN_TEST_RESTARTS"); text != "" {
		var err error
		if restarts, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		each, delay = 10_000, "2s"
	}
	dir := t.TempDir()
	// There is no cache: its fences are within one process, and for a while two of
	// them serve one file.
	config := write(t, dir, "c.yaml", fmt.Sprintf(`service: {listen: "127.0.0.1:${PORT}", admin: "off", log_level: error, drain_delay: %s}
repository: {driver: sqlite, sqlite: {path: %q, synchronous: normal}}
`, delay, filepath.Join(dir, "things.db"))+things)
	b := &balancer{}
	front := httptest.NewServer(b)
	defer front.Close()
	old := b.start(t, config)
	crowd := sendOn(front.URL)
	for range restarts {
		before := crowd.done.Load()
		next := b.start(t, config)
		b.stop(t, old)
		old = next
		for crowd.done.Load() < before+each && crowd.failed.Load() == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	crowd.stop()
	if n := crowd.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first with %v", n, crowd.done.Load(), crowd.first.Load())
	}
	response, err := http.Get(old.url + "/v1/things?$count&$first=1")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if want := fmt.Sprintf(`"count":%d}`, crowd.created.Load()); err != nil || !strings.HasSuffix(string(body), want) {
		t.Errorf("there are %s, %v, want %s", body, err, want)
	}
	b.stop(t, old)
	t.Logf("%d restarts under %d requests, %d of which created something", restarts, crowd.done.Load(), crowd.created.Load())
}

// A balancer passes requests on to whichever of its processes is ready, and never
// tries one again.
type balancer struct {
	mu    sync.Mutex
	all   []*instance
	turns atomic.Int64
}

// An instance is one process of the server.
type instance struct {
	url   string
	cmd   *exec.Cmd
	log   bytes.Buffer
	proxy *httputil.ReverseProxy
	ready atomic.Bool
	over  chan struct{} // closed when nobody asks for its readiness any more
}

// start starts a process and waits until it gets requests.
func (b *balancer) start(t *testing.T, config string) *instance {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	target, err := url.Parse("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{url: target.String(), cmd: exec.Command(program(t, "portolan"), "serve", "--config", config), over: make(chan struct{})}
	i.proxy = httputil.NewSingleHostReverseProxy(target)
	i.proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 32}
	i.proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
	i.cmd.Env = append(os.Environ(), "PORT="+port)
	i.cmd.Stdout, i.cmd.Stderr = &i.log, &i.log
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.cmd.Process.Kill() }) // unless it has ended, as it should
	b.mu.Lock()
	b.all = append(b.all, i)
	b.mu.Unlock()
	go i.follow()
	for range 2000 {
		if i.ready.Load() {
			return i
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the server does not become ready\n%s", i.log.String())
	return nil
}

// follow asks for the instance's readiness for as long as it answers.
func (i *instance) follow() {
	defer close(i.over)
	probe := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for been := false; ; time.Sleep(20 * time.Millisecond) {
		response, err := probe.Get(i.url + "/readyz")
		if err == nil {
			response.Body.Close()
		}
		well := err == nil && response.StatusCode == http.StatusOK
		i.ready.Store(well)
		if been = been || well; been && !well {
			return
		}
	}
}

// ServeHTTP passes a request on, in turn to those that are ready.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	var ready []*instance
	for _, each := range b.all {
		if each.ready.Load() {
			ready = append(ready, each)
		}
	}
	b.mu.Unlock()
	if len(ready) == 0 {
		http.Error(w, "no instance is ready", http.StatusBadGateway)
		return
	}
	ready[int(b.turns.Add(1))%len(ready)].proxy.ServeHTTP(w, r)
}

// stop tells the process to end, which it must do well and within the time that
// platforms give.
func (b *balancer) stop(t *testing.T, i *instance) {
	t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(15*time.Second, func() { _ = i.cmd.Process.Kill() })
	defer killer.Stop()
	if err := i.cmd.Wait(); err != nil {
		t.Errorf("an old process ended with %v\n%s", err, i.log.String())
	}
	<-i.over
	if strings.Contains(i.log.String(), `"level":"ERROR"`) {
		t.Errorf("an old process tells of errors:\n%s", i.log.String())
	}
}

// A sending is clients that send request after request until they are stopped.
type sending struct {
	done, created, failed atomic.Int64
	first                 atomic.Value // the first failure
	stop                  func()       // ends them in good order
}

// sendOn lets eight clients read and write.
func sendOn(base string) *sending {
	s := &sending{}
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 30 * time.Second}
	var running sync.WaitGroup
	for number := range 8 {
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				s.count(s.once(client, base, number, n))
			}
		})
	}
	s.stop = func() {
		cancel()
		running.Wait()
		client.CloseIdleConnections()
	}
	return s
}

func (s *sending) count(err error) {
	s.done.Add(1)
	if err != nil {
		s.failed.Add(1)
		s.first.CompareAndSwap(nil, err)
	}
}

// once creates a record in every fourth request, and else changes or reads it.
func (s *sending) once(client *http.Client, base string, number, n int) error {
	id := fmt.Sprintf("%d-%d", number, n/4)
	switch n % 4 {
	case 0:
		err := expect(client, http.MethodPost, base+"/v1/things", fmt.Sprintf(`{"id":%q,"batch":%d}`, id, number), http.StatusCreated)
		if err == nil {
			s.created.Add(1)
		}
		return err
	case 1:
		return expect(client, http.MethodPatch, base+"/v1/things/"+id, `{"text":"changed"}`, http.StatusOK)
	case 2:
		return expect(client, http.MethodGet, base+"/v1/things?$first=5&$filter=batch%20eq%20"+strconv.Itoa(number), "", http.StatusOK)
	}
	return expect(client, http.MethodGet, base+"/v1/things/"+id, "", http.StatusOK)
}

func expect(client *http.Client, method, address, body string, status int) error {
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = errors.New(response.Status + ": " + string(text))
	}
	return err
}
