package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An importing server is one that a test ends as it likes, and starts again.
type importing struct {
	dir, key, url string
	cmd           *exec.Cmd
	log           bytes.Buffer
}

// newImporting prepares a server on SQLite with an administrator's key.
func newImporting(t *testing.T) *importing {
	t.Helper()
	s := &importing{dir: t.TempDir()}
	mustRun(t, s.dir, "portolan", "init", "--profile", "sqlite", "--dir", s.dir)
	config := read(t, filepath.Join(s.dir, "portolan.yaml"))
	write(t, s.dir, "portolan.yaml", strings.Replace(config, "service:\n", "service:\n  drain_delay: 1ms\n", 1))
	s.key = regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, s.dir, "portolan", "keys", "create", "--subject", "test", "--role", "admin"))
	return s
}

// start starts the server and waits until it is ready.
func (s *importing) start(t *testing.T) {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	s.url = "http://" + address
	s.cmd = exec.Command(program(t, "portolan"), "serve", "--config", "portolan.yaml")
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), "PORT="+port, "ADMIN_PORT=0")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	for range 400 {
		if response, err := http.Get(s.url + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.end(syscall.SIGKILL)
	t.Fatalf("the server does not become ready\n%s", s.log.String())
}

// end ends the server with the signal.
func (s *importing) end(signal syscall.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(signal) // it may have ended
		_ = s.cmd.Wait()                 // how is not looked at
		s.cmd = nil
	}
}

// An importJob is what the tests look at of a job.
type importJob struct {
	State                  string
	Rows, Loaded, Rejected int
	RejectedByCode         map[string]int
	Rejects                []json.RawMessage
	Octets                 struct{ Read, Total int64 }
}

// send sends a request of the administrator's and returns the answer's status,
// location and body.
func (s *importing) send(t *testing.T, method, path, mediaType string, body io.Reader) (status int, location, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", s.key)
	request.Header.Set("Content-Type", mediaType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log.String())
	}
	defer response.Body.Close()
	octets, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location"), string(octets)
}

// begin begins an import and returns the location of its job.
func (s *importing) begin(t *testing.T, collection, mediaType string, body io.Reader) string {
	t.Helper()
	status, location, text := s.send(t, http.MethodPost, "/v1/"+collection+"/$import", mediaType, body)
	if status != http.StatusAccepted {
		t.Fatalf("the import is answered %d %s", status, text)
	}
	return location
}

func (s *importing) job(t *testing.T, location string) importJob {
	t.Helper()
	var job importJob
	status, _, text := s.send(t, http.MethodGet, location, "", http.NoBody)
	if err := json.Unmarshal([]byte(text), &job); err != nil || status != http.StatusOK {
		t.Fatalf("%s answers %d %s", location, status, text)
	}
	return job
}

// ended waits for the end of the job.
func (s *importing) ended(t *testing.T, location string) importJob {
	t.Helper()
	for range 6000 {
		if job := s.job(t, location); job.State == "finished" || job.State == "failed" {
			return job
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not end\n%s", location, s.log.String())
	return importJob{}
}

// spooled returns how many files wait or are received.
func (s *importing) spooled(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "portolan.db.imports"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestKilledServerGoesOnWithImports kills a server with SIGKILL while it imports
// what was sent, again and again, and starts it again: in the end every good row
// is there once, and every bad one is counted once. PORTOLAN_TEST_ROWS asks for
// ten rounds of so many rows instead of the short form.
func TestKilledServerGoesOnWithImports(t *testing.T) {
	rounds, rows := 1, 20_000
	if text := os.Getenv("PORTOLAN_TEST_ROWS"); text != "" {
		var err error
		rounds = 10
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	source := t.TempDir()
	mustRun(t, source, "generate", "--rows", strconv.Itoa(rows), "--dirty", "0.02", "--expect", "expected.json")
	var expected map[string]expectation
	if err := json.Unmarshal([]byte(read(t, filepath.Join(source, "expected.json"))), &expected); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for round := range rounds {
		kills += killServer(t, source, expected["products"], rand.New(rand.NewPCG(uint64(round), 2)))
	}
	if kills < 3*rounds {
		t.Errorf("only %d servers were killed half-way in %d rounds: the test proves too little", kills, rounds)
	}
	t.Logf("%d rounds of %d rows, %d kills", rounds, rows, kills)
}

// killServer runs one import, killing the server at most five times, and returns
// how often it was killed half-way.
func killServer(t *testing.T, source string, expected expectation, random *rand.Rand) (kills int) {
	t.Helper()
	s := newImporting(t)
	mustRun(t, s.dir, "portolan", "import", filepath.Join(source, "categories.csv"), "--into", "categories")
	rows, err := os.Open(filepath.Join(source, "products.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	s.start(t)
	location := s.begin(t, "products", "text/csv", rows)
	for rows := -1; kills < 5; kills++ {
		job := s.job(t, location)
		for ; job.State != "finished" && job.Rows <= rows; job = s.job(t, location) { // it went on
			time.Sleep(time.Millisecond)
		}
		rows = job.Rows
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		s.end(syscall.SIGKILL)
		if s.spooled(t) == 0 {
			s.start(t)
			break // it was done before
		}
		s.start(t)
	}
	job := s.ended(t, location)
	if job.State != "finished" || job.Rows != expected.Rows || job.Loaded != expected.Loaded || !maps.Equal(job.RejectedByCode, expected.Rejected) {
		t.Errorf("the job is %+v, want %+v", job, expected)
	}
	s.end(syscall.SIGTERM)
	if n := s.spooled(t); n > 0 {
		t.Errorf("%d files are left", n)
	}
	mustRun(t, s.dir, "portolan", "export", "products", "--to", "all.ndjson", "--select", "asin")
	lines, ids := 0, make(map[string]bool)
	for line := range strings.Lines(read(t, filepath.Join(s.dir, "all.ndjson"))) {
		lines++
		ids[line] = true
	}
	if lines != expected.Loaded || len(ids) != expected.Loaded {
		t.Errorf("%d records with %d ids are stored, want %d", lines, len(ids), expected.Loaded)
	}
	return kills
}

// TestImportStopsInGoodOrder: SIGTERM ends an import between two batches, and the
// next start ends it. A server that is killed while it receives leaves nothing.
func TestImportStopsInGoodOrder(t *testing.T) {
	s := newImporting(t)
	s.start(t)
	var rows bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&rows, "{\"id\":%d,\"name\":\"Category %d\"}\n", i+1, i)
	}
	location := s.begin(t, "categories", "application/x-ndjson", &rows)
	for s.job(t, location).Loaded == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	s.end(syscall.SIGTERM)
	if s.spooled(t) == 0 {
		t.Log("the import was done before the stop")
	}
	s.start(t)
	if job := s.ended(t, location); job.State != "finished" || job.Loaded != 20_000 || job.Rejected != 0 {
		t.Errorf("the job is %+v", job)
	}
	// A part of a body arrives, and then the server is killed.
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST /v1/categories/$import HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\nid,name\n", s.key)
	for range 400 {
		if s.spooled(t) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := s.spooled(t); n != 1 {
		t.Errorf("%d files are received, want 1", n)
	}
	s.end(syscall.SIGKILL)
	s.start(t)
	for range 400 {
		if s.spooled(t) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := s.spooled(t); n != 0 {
		t.Errorf("%d files are left of what was not received to its end", n)
	}
}

// TestImportMemory imports 50 MiB of NDJSON, and prints how much memory that
// took over what the idle server has. In the short form only every tenth row can
// be stored; with PORTOLAN_TEST_ROWS all can.
func TestImportMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc to read the memory of a process from")
	}
	const size, most = 50 << 20, 48 << 20 // less than the body: it cannot have been held
	s := newImporting(t)
	s.start(t)
	s.ended(t, s.begin(t, "categories", "application/x-ndjson", strings.NewReader(`{"id":1,"name":"Kettles"}`)))
	idle := s.memory(t, "VmRSS")
	reader, writer := io.Pipe()
	rows := 0
	go func() {
		out := bufio.NewWriter(writer)
		for octets := 0; octets < size; rows++ {
			title := fmt.Sprintf(`"Product number %d with a title of ordinary length for a shop"`, rows)
			if rows%10 > 0 && os.Getenv("PORTOLAN_TEST_ROWS") == "" {
				title = "null"
			}
			n, _ := fmt.Fprintf(out, `{"asin":"B%09d","title":%s,"imgUrl":"https://example.org/i/%d.jpg","productURL":"https://example.org/p/%d","stars":4.5,"reviews":%d,"price":19.99,"listPrice":29.99,"category_id":1,"isBestSeller":false,"boughtInLastMonth":%d}`+"\n",
				rows, title, rows, rows, rows%100, rows%1000)
			octets += n
		}
		_ = writer.CloseWithError(out.Flush()) // a pipe's never fails
	}()
	location := s.begin(t, "products", "application/x-ndjson", reader)
	job := s.ended(t, location)
	if job.State != "finished" || job.Rows != rows || job.Octets.Read < size || len(job.Rejects) > 100 {
		t.Errorf("the job is %+v", job)
	}
	grown := s.memory(t, "VmHWM") - idle
	t.Logf("%d rows, %d stored: %.1f MiB idle, at most %.1f MiB more", job.Rows, job.Loaded, float64(idle)/(1<<20), float64(grown)/(1<<20))
	if grown > most {
		t.Errorf("the server took %d octets more than idle, want at most %d", grown, most)
	}
}

// memory returns a figure of the server's memory, in octets.
func (s *importing) memory(t *testing.T, name string) int64 {
	t.Helper()
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(read(t, fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid)))
	if found == nil {
		t.Fatalf("the process has no %s", name)
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
