package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestKilledServerWritesOnce kills the server with SIGKILL at random moments under
// clients that write, starts it again, and lets the clients repeat what they got
// no answer to, with the same Idempotency-Key. In the end every write was done
// once and whole: none that was acknowledged is lost, none is there twice, and
// whoever asks again is answered with the same octets. PORTOLAN_TEST_KILLS asks
// for so many kills instead of the short form.
func TestKilledServerWritesOnce(t *testing.T) {
	kills := 8
	text := os.Getenv("PORTOLAN_TEST_KILLS")
	if text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, store := range durable() {
		t.Run(store.name, func(t *testing.T) { writesOnce(t, store, kills, text != "") })
	}
}

// writesOnce is one such run over the store. A long one must meet what it is about.
func writesOnce(t *testing.T, store kept, kills int, long bool) {
	p := newPatient(t, store)
	clients := make([]*repeater, 4)
	for i := range clients {
		clients[i] = &repeater{t: t, name: strconv.Itoa(i), patient: p}
	}
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	for range kills {
		p.start()
		var group sync.WaitGroup
		for _, c := range clients {
			group.Go(c.writeUntilCutOff)
		}
		time.Sleep(time.Duration(random.IntN(120_000)) * time.Microsecond)
		p.kill()
		group.Wait()
		if t.Failed() {
			return
		}
	}
	p.start()
	want := make(map[string]int)
	for _, c := range clients {
		if !c.askAgain() || !c.settle() || !c.askAgain() {
			t.Errorf("the client %s is cut off by a server that nobody killed", c.name)
		}
		for _, w := range c.done {
			for _, tag := range w.tags {
				want[tag] = 1
			}
		}
	}
	p.stop()
	if t.Failed() {
		return
	}
	checkNotes(t, p.dir, want)
	t.Logf("%d kills under %d records; %d writes were stored and not answered, %d neither",
		kills, len(want), p.unanswered.Load(), p.undone.Load())
	if long && p.unanswered.Load() == 0 {
		t.Errorf("in %d kills none came between a write and its answer: the test proves too little", kills)
	}
}

// checkNotes checks that every note is there so often, and no other is.
func checkNotes(t *testing.T, dir string, want map[string]int) {
	t.Helper()
	mustRun(t, dir, "portolan", "export", "notes", "--to", "all.ndjson", "--select", "tag")
	got := make(map[string]int)
	for line := range strings.Lines(read(t, filepath.Join(dir, "all.ndjson"))) {
		var note struct{ Tag string }
		if err := json.Unmarshal([]byte(line), &note); err != nil {
			t.Fatal(err)
		}
		got[note.Tag]++
	}
	for tag := range want {
		if got[tag] != 1 {
			t.Errorf("the note %s is stored %d times, want once", tag, got[tag])
		}
		delete(got, tag)
	}
	if len(got) > 0 {
		t.Errorf("%d notes are stored that nobody was told of", len(got))
	}
}

// A patient is a server that is killed and started again, over one database.
type patient struct {
	t        *testing.T
	dir, key string
	url      string
	command  *exec.Cmd
	log      bytes.Buffer

	unanswered, undone atomic.Int64 // of the writes without an answer: those that were stored, and those that were not
}

func newPatient(t *testing.T, store kept) *patient {
	t.Helper()
	p := &patient{t: t, dir: t.TempDir()}
	store.initialise(t, p.dir)
	config := read(t, filepath.Join(p.dir, "portolan.yaml"))
	write(t, p.dir, "portolan.yaml", config+`
  notes:
    fields:
      tag: {type: string, required: true, max: 64}
      text: {type: string, max: 1000}
    access:
      admin: {all: true}
`)
	p.key = regexp.MustCompile(`ptl_\w+`).FindString(mustRun(t, p.dir, "portolan", "keys", "create", "--subject", "test", "--role", "admin"))
	t.Cleanup(func() {
		if p.command != nil {
			p.kill()
		}
	})
	return p
}

// start starts the server and waits until it is ready.
func (p *patient) start() {
	p.t.Helper()
	address := freeAddress(p.t)
	_, port, _ := net.SplitHostPort(address)
	p.log.Reset()
	p.command = exec.Command(program(p.t, "portolan"), "serve")
	p.command.Dir = p.dir
	p.command.Env = append(os.Environ(), "PORT="+port, "ADMIN_PORT=0")
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.url = "http://" + address
	for range 2000 {
		if response, err := http.Get(p.url + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.t.Fatal("the server does not become ready")
}

// kill ends the server without warning.
func (p *patient) kill() {
	_ = p.command.Process.Kill() // it may have ended
	_ = p.command.Wait()         // by the signal
	p.command = nil
}

// stop ends the server in good order.
func (p *patient) stop() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	if err := p.command.Wait(); err != nil {
		p.t.Errorf("the server ended with %v\n%s", err, p.log.String())
	}
	p.command = nil
}

// A repeater is a client that writes one thing after the other, and repeats what
// it got no answer to.
type repeater struct {
	t       *testing.T
	name    string
	patient *patient
	next    int
	pending *oneWrite // what it got no answer to
	done    []*oneWrite
}

// oneWrite is a write, and what it was answered first.
type oneWrite struct {
	key, body string
	tags      []string
	sent      bool
	answer    string
}

// writeUntilCutOff asks again for what was acknowledged last, repeats what was
// cut off, and then writes, until it is cut off again.
func (c *repeater) writeUntilCutOff() {
	for ok := c.askAgain(); ok && !c.t.Failed(); ok = c.settle() {
		if c.pending == nil {
			c.pending = c.newWrite()
		}
	}
}

// newWrite returns one note, or an array of many: what takes a while to store
// and to answer.
func (c *repeater) newWrite() *oneWrite {
	w := &oneWrite{key: fmt.Sprintf("%s-%d", c.name, c.next)}
	c.next++
	notes := 1
	if c.next%2 == 0 {
		notes = 100
	}
	var bodies []string
	for i := range notes {
		tag := fmt.Sprintf("%s/%d", w.key, i)
		w.tags = append(w.tags, tag)
		bodies = append(bodies, fmt.Sprintf(`{"tag":%q,"text":%q}`, tag, strings.Repeat(tag, 30)))
	}
	if w.body = bodies[0]; notes > 1 {
		w.body = "[" + strings.Join(bodies, ",") + "]"
	}
	return w
}

// askAgain repeats the write that was acknowledged last, which must be answered
// with the same octets. It reports whether it was not cut off.
func (c *repeater) askAgain() bool {
	if len(c.done) == 0 {
		return true
	}
	last := c.done[len(c.done)-1]
	answer, replayed, ok := c.send(last)
	if ok && (!replayed || answer != last.answer) {
		c.t.Errorf("%s, repeated, is answered (as a replay: %t)\n%s\nwant\n%s", last.key, replayed, answer, last.answer)
	}
	return ok
}

// settle sends what is pending, if anything is, and reports whether it was not
// cut off.
func (c *repeater) settle() bool {
	w := c.pending
	if w == nil {
		return true
	}
	again := w.sent
	w.sent = true
	answer, replayed, ok := c.send(w)
	if !ok {
		return false
	}
	switch {
	case again && replayed:
		c.patient.unanswered.Add(1)
	case again:
		c.patient.undone.Add(1)
	case replayed:
		c.t.Errorf("%s is answered as a replay, and was not sent before", w.key)
	}
	w.answer = answer
	c.pending = nil
	c.done = append(c.done, w)
	return true
}

// send sends the write and returns its answer, whether that is a replay, and
// whether there was any.
func (c *repeater) send(w *oneWrite) (answer string, replayed, ok bool) {
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.patient.url+"/v1/notes", strings.NewReader(w.body))
	if err != nil {
		c.t.Error(err)
		return "", false, false
	}
	request.GetBody = nil // nor does the transport repeat what this test counts
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", c.patient.key)
	request.Header.Set("Idempotency-Key", w.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", false, false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", false, false
	}
	if response.StatusCode != http.StatusCreated {
		c.t.Errorf("%s is answered %d %s", w.key, response.StatusCode, body)
		return "", false, false
	}
	h := response.Header
	answer = fmt.Sprintf("%d %s %s %s", response.StatusCode, h.Get("Location"), h.Get("ETag"), body)
	return answer, h.Get("Idempotent-Replayed") == "true", true
}
