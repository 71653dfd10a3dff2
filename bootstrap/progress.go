package bootstrap

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/portolan-io/portolan/core/ingest"
)

// lineInterval is how often long work says where it is when nobody watches a
// terminal.
const lineInterval = 5 * time.Second

// A progress shows how far long work came, on standard error: a bar on a
// terminal, elsewhere a line now and then.
type progress struct {
	to    io.Writer
	what  string
	bar   *progressbar.ProgressBar // nil without a terminal
	now   func() time.Time
	last  time.Time
	phase string
}

func (p *program) newProgress(what string) *progress {
	shown := &progress{to: p.err, what: what, now: time.Now}
	shown.last = shown.now()
	if file, ok := p.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		shown.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(file), progressbar.OptionSetDescription(what),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true),
			progressbar.OptionShowBytes(true), progressbar.OptionFullWidth(),
		)
	}
	return shown
}

// imported shows where an import is. The bar counts octets of the source, which
// are known beforehand, and names the rows.
func (p *progress) imported(at ingest.Progress) {
	text := fmt.Sprintf("%s: %s, %d loaded, %d rejected", p.what, at.Phase, at.Loaded, at.Rejected)
	if p.bar == nil {
		p.line("%s%s", text, share(at.Read, at.Total))
		return
	}
	if at.Phase != p.phase {
		p.phase = at.Phase
		p.bar.Reset()
		p.bar.ChangeMax64(at.Total)
	}
	p.bar.Describe(text)
	_ = p.bar.Set64(at.Read) // a bar that cannot be drawn changes nothing
}

// exported shows how many records an export wrote.
func (p *progress) exported(rows int64) {
	if p.bar == nil {
		p.line("%s: %s", p.what, records(rows))
		return
	}
	p.bar.Describe(fmt.Sprintf("%s: %s", p.what, records(rows)))
	_ = p.bar.Add(0)
}

// line writes a line, but not more often than every lineInterval.
func (p *progress) line(format string, args ...any) {
	if now := p.now(); now.Sub(p.last) >= lineInterval {
		p.last = now
		fmt.Fprintf(p.to, format+"\n", args...)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func share(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf(", %d %%", part*100/whole)
}
