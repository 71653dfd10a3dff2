package bootstrap

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// A running is a server that runs in this process, as main starts it.
type running struct {
	t      *testing.T
	client *http.Client
	lines  []string // what it printed at the start
	exited chan int
}

// run starts the program and waits until it has printed a line with the text.
// start is called with where its output goes, and returns its exit code.
func run(t *testing.T, until string, start func(out io.Writer) int) *running {
	t.Helper()
	r := &running{t: t, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, exited: make(chan int, 1)}
	reader, writer := io.Pipe()
	go func() {
		code := start(writer)
		_ = writer.Close() // a pipe's never fails
		r.exited <- code
	}()
	for scanner := bufio.NewScanner(reader); scanner.Scan(); {
		r.lines = append(r.lines, scanner.Text())
		if strings.Contains(scanner.Text(), until) {
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			return r
		}
	}
	t.Fatalf("it ended with exit code %d, having printed %q", <-r.exited, r.lines)
	return nil
}

// do sends a request and returns the status and the body.
func (r *running) do(method, url, body string, header http.Header) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// line returns the word behind the label that a line begins with.
func (r *running) line(label string) string {
	r.t.Helper()
	for _, line := range r.lines {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == label {
			return strings.TrimSuffix(fields[1], ",")
		}
	}
	r.t.Fatalf("no line begins with %s in %q", label, r.lines)
	return ""
}

// words splits a line as a shell does, single quotes being the only ones.
var words = regexp.MustCompile(`'[^']*'|\S+`)

// curl does what the line would do, pasted into a shell.
func (r *running) curl(line string) (int, string) {
	r.t.Helper()
	method, url, body, header := http.MethodGet, "", "", make(http.Header)
	args := words.FindAllString(line, -1)[1:]
	for i := 0; i < len(args); i++ {
		value := func() string { i++; return strings.Trim(args[i], "'") }
		switch args[i] {
		case "-i":
		case "-X":
			method = value()
		case "-d":
			body = value()
		case "-H":
			name, text, _ := strings.Cut(value(), ": ")
			header.Set(name, text)
		default:
			url = strings.Trim(args[i], "'")
		}
	}
	return r.do(method, url, body, header)
}

// TestWholeProcess starts the program as a newcomer does, does what it says can
// be done, and interrupts it.
func TestWholeProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Chdir(t.TempDir())
	t.Setenv("PORT", "0")
	t.Setenv("ADMIN_PORT", "0")
	r := run(t, "Ctrl-C", func(out io.Writer) int { return Main(nil, out) })
	defer r.client.CloseIdleConnections()

	var lines []string
	for _, line := range r.lines {
		if strings.HasPrefix(line, "  curl ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 3 {
		t.Fatalf("there are %d curl lines in %q", len(lines), r.lines)
	}
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusCreated, http.StatusOK} {
		line := lines[min(i, 2)] // the line that writes works twice
		if status, body := r.curl(line); status != want || body == "" {
			t.Errorf("%s\nanswers %d %s, want %d", line, status, body, want)
		}
	}
	api, docs, metrics := r.line("API"), r.line("docs"), r.line("admin")
	admin := strings.TrimSuffix(metrics, "/metrics")
	for _, url := range []string{
		docs, metrics, admin + "/readyz", admin + "/livez", admin + "/debug/pprof/",
		api + "/categories", strings.TrimSuffix(api, "/v1") + "/readyz", strings.TrimSuffix(api, "/v1") + "/livez",
		strings.TrimSuffix(api, "/v1") + "/openapi.json",
	} {
		if status, body := r.do(http.MethodGet, url, "", nil); status != http.StatusOK {
			t.Errorf("%s answers %d %s", url, status, body)
		}
	}
	if status, _ := r.do(http.MethodGet, strings.TrimSuffix(api, "/v1")+"/metrics", "", nil); status != http.StatusNotFound {
		t.Errorf("the public listener answers %d for /metrics", status)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := <-r.exited; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestDrain shows the order of a stop: not ready at once, alive and answering
// for as long as the delay, and then gone.
func TestDrain(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 2s}
repository: {driver: memory}
development: {admin_key: true}
collections: {a: {fields: {x: {type: int}}, access: {anonymous: {read: true}}}}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r := run(t, "key", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, []string{"serve", "-c", path})
	})
	api, admin := r.line("API"), strings.TrimSuffix(r.line("admin"), "/metrics")
	public := strings.TrimSuffix(api, "/v1")
	if status, _ := r.do(http.MethodGet, public+"/readyz", "", nil); status != http.StatusOK {
		t.Errorf("before the stop readyz answers %d", status)
	}
	interrupt()
	for status := 0; status != http.StatusServiceUnavailable; {
		status, _ = r.do(http.MethodGet, public+"/readyz", "", nil)
	}
	for url, want := range map[string]int{
		public + "/livez": http.StatusOK, api + "/a": http.StatusOK, admin + "/readyz": http.StatusServiceUnavailable,
	} {
		if status, _ := r.do(http.MethodGet, url, "", nil); status != want {
			t.Errorf("while it drains %s answers %d, want %d", url, status, want)
		}
	}
	if code := <-r.exited; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := r.client.Get(public + "/livez"); err == nil {
		t.Error("it still answers after its end")
	}
}

// TestAddressInUse shows what is said if another program listens there.
func TestAddressInUse(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PORT", "0")
	t.Setenv("ADMIN_PORT", "0")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	first := run(t, "Ctrl-C", func(out io.Writer) int {
		p := &program{out: out, err: io.Discard, env: os.LookupEnv, drivers: builtin()}
		return p.run(ctx, nil)
	})
	address := strings.TrimSuffix(strings.TrimPrefix(first.line("API"), "http://"), "/v1")
	t.Setenv("PORT", address[strings.LastIndex(address, ":")+1:])
	code, _, errs := newProgram(t).do(t, "serve")
	want := fmt.Sprintf("the address %s cannot be listened on; another program may have it\n"+
		"  choose another with service.listen, or with HOST and PORT, of which it is made\n", address)
	if code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, %s\nwant %s", code, errs, want)
	}
	interrupt()
	<-first.exited
}
