package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/ingest"
)

// typesImported are the media types that an import takes.
var typesImported = []string{typeCSV, typesNDJSON[0], typesNDJSON[1], typesNDJSON[2]}

// importFormat returns the format of rows of the media type.
func importFormat(mediaType string) ingest.Format {
	if mediaType == typeCSV {
		return ingest.CSV
	}
	return ingest.NDJSON
}

// uploadTime is how long an import may take to arrive in all, however steadily
// it does: it holds one of few places meanwhile.
const uploadTime = 4 * time.Hour

// defaultStall is how long an import may pause while it arrives, if nothing else
// is said.
const defaultStall = 10 * time.Second

// importAll answers POST of $import with the job that the body becomes, once all
// of it is here. The body goes to a file piece by piece, and is never held.
func (s *server) importAll(x *exchange) error {
	x.Header().Set("Cache-Control", noStore)
	up, mediaType, err := s.receive(x)
	if err != nil {
		return err
	}
	defer up.Discard()
	digest := up.Digest()
	once, err := x.once(mediaType, digest[:])
	if err != nil {
		return err
	}
	job, err := up.Job()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.site.timeout) // that of the request is for the body
	defer cancel()
	submit := func(how core.How) (core.Written, error) { return up.Submit(ctx, how.Once) }
	return x.write(core.How{}, once, submit, func(core.Written) reply {
		return reply{
			status: http.StatusAccepted, location: s.base + "/jobs/" + job.ID, applied: x.applied(),
			mediaType: sentJSON, body: [][]byte{encodeJob(job)},
		}
	})
}

// receive reads the body of an import to its end. It reads nothing of what is
// refused anyway.
func (s *server) receive(x *exchange) (_ *core.Upload, mediaType string, err error) {
	if s.uploads == nil {
		return nil, "", fault.New(fault.Unsupported, "httpapi.receive", "this server takes no imports").Coded("no-imports")
	}
	if _, err := idempotencyKey(x.r.Header[headerIdempotencyKey]); err != nil {
		return nil, "", err
	}
	if err := s.api.MayImport(x.r.Context(), x.who, x.collection); err != nil {
		return nil, "", err
	}
	mediaType, err = mediaTypeOf(x.r.Header["Content-Type"], typesImported)
	if err != nil {
		x.Header().Set("Accept", strings.Join(typesImported, ", "))
		return nil, "", err
	}
	compressed, err := codingOf(x.r.Header["Content-Encoding"])
	if err != nil {
		x.Header().Set("Accept-Encoding", bodyCodings)
		return nil, "", err
	}
	if x.r.ContentLength > s.uploads.MaxOctets() {
		s.readPast(x)
		return nil, "", s.overlong()
	}
	up, err := s.begin(x, importFormat(mediaType))
	if err != nil {
		return nil, "", err
	}
	if err := s.pour(x, up, compressed); err != nil {
		up.Discard()
		x.Header().Set("Connection", "close") // nobody reads on
		return nil, "", s.unreceived(err, compressed)
	}
	if up.Octets() == 0 {
		up.Discard()
		return nil, "", fault.New(fault.Invalid, "httpapi.receive", "the request has no body").Coded("no-body").
			Hinting("send rows as one of %s, %s", typeCSV, typeNDJSON)
	}
	return up, mediaType, nil
}

// begin begins an upload. Who asks again what became of one needs no place for it,
// which may well be taken by that very import.
func (s *server) begin(x *exchange, format ingest.Format) (*core.Upload, error) {
	up, full := s.uploads.Receive(x.r.Context(), x.who, x.collection, format)
	if full == nil || fault.Of(full).Code != core.CodeTooManyImports {
		return up, full
	}
	once, err := x.once("", nil) // which body it is shows when it is read
	if err != nil || once == nil {
		return nil, full
	}
	if up, ok, err := s.uploads.Repeat(x.r.Context(), x.who, x.collection, once, full); err != nil || ok {
		return up, err
	}
	return nil, full
}

// pour reads the body into the upload, decompressed.
func (s *server) pour(x *exchange, up *core.Upload, compressed coding) error {
	limit := s.uploads.MaxOctets()
	body := &patient{
		ctx:  x.r.Context(),
		body: http.MaxBytesReader(x.w, x.r.Body, limit), control: http.NewResponseController(x.w),
		stall: s.stall, answer: x.site.timeout, end: x.begun.Add(uploadTime),
	}
	defer body.settle()
	source := io.Reader(body)
	if compressed != identity {
		inflating, err := newInflating(compressed, source, limit, 0) // how regular rows are is not ours to say; the limit holds
		if err != nil {
			return err
		}
		defer inflating.close()
		source = inflating
	}
	_, err := io.CopyBuffer(up, source, make([]byte, 64<<10))
	return err
}

// unreceived says why an import could not be read to its end.
func (s *server) unreceived(err error, compressed coding) error {
	const op = "httpapi.receive"
	var over *http.MaxBytesError
	var classified *fault.Error
	switch {
	case errors.As(err, &classified):
		return err
	case errors.As(err, &over), errors.Is(err, errTooLarge):
		return s.overlong()
	case errors.Is(err, errBroken) && !errors.Is(err, io.ErrUnexpectedEOF):
		return miscoded(compressed, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.Invalid, op, "the body stopped arriving before its end").Coded("body-incomplete").Because(err).
			Hinting("send it again; it may pause for %s, and take %s in all", s.stall, uploadTime)
	}
	return fault.New(fault.Invalid, op, "the body ended too early, and nothing of it is imported").Coded("body-incomplete").Because(err).
		Hinting("send it again, whole")
}

func (s *server) overlong() error {
	return fault.New(fault.TooLarge, "httpapi.receive", "the body is larger than %d octets", s.uploads.MaxOctets()).
		Coded("body-too-large").Hinting("import it in parts")
}

// A patient body gives the client time for as long as octets arrive, in place of
// the deadlines that ordinary requests have as a whole.
type patient struct {
	ctx     context.Context //nolint:containedctx // of the request, which the body is a part of
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration // how long the client may pause
	answer  time.Duration // how long it may take to answer once all is here
	end     time.Time     // when it must have arrived
}

func (p *patient) Read(b []byte) (int, error) {
	now := time.Now()
	if now.After(p.end) {
		return 0, os.ErrDeadlineExceeded
	}
	// Writers that are no connections have no deadlines, and need none.
	_ = p.control.SetReadDeadline(now.Add(p.stall))
	_ = p.control.SetWriteDeadline(now.Add(p.stall + p.answer))
	if stopping(p.ctx) { // behind the deadline, which breakOff may have set before
		return 0, os.ErrDeadlineExceeded
	}
	return p.body.Read(b)
}

// settle gives the connection the deadlines of an ordinary answer. net/http goes
// on reading to see whether the client goes away, and would take the deadline of
// the body for that.
func (p *patient) settle() {
	_ = p.control.SetReadDeadline(time.Now().Add(2 * p.answer))
	_ = p.control.SetWriteDeadline(time.Now().Add(2 * p.answer))
}
