package secretmanager_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portolan-io/portolan/adapters/secretmanager"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/contract"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/secrets/secretstest"
)

const hidden = "hidden-value"

var db = secrets.Ref{Name: "db_password"}

// A fake is Google's own stub of Secret Manager over a map, with what ails it.
type fake struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	address string

	mu        sync.Mutex
	parent    string
	secrets   map[string][]string // versions, the newest last
	forbidden map[string]bool
	disabled  map[string]bool // names with versions
	token     string          // that is good
	damaged   bool            // on the way
	asked     int
	waiting   chan struct{} // what holds answers up, if it is not nil
	err       error         // answered to everything, if it is not nil
}

func newFake(t *testing.T) *fake {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		address: listener.Addr().String(), parent: "projects/shop", token: "hidden-token-1",
		secrets: map[string][]string{}, forbidden: map[string]bool{}, disabled: map[string]bool{},
	}
	server := grpc.NewServer()
	secretmanagerpb.RegisterSecretManagerServiceServer(server, f)
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	return f
}

// with changes the fake.
func (f *fake) with(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fake) set(name, value string) {
	f.with(func(f *fake) { f.secrets[name] = append(f.secrets[name], value) })
}

// AccessSecretVersion is that of Secret Manager.
func (f *fake) AccessSecretVersion(ctx context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	f.mu.Lock()
	waiting := f.waiting
	f.mu.Unlock()
	if waiting != nil {
		select {
		case <-waiting:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return nil, f.err
	}
	shown, _ := metadata.FromIncomingContext(ctx)
	if got := shown.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+f.token {
		return nil, status.Error(codes.Unauthenticated, "Request had invalid authentication credentials: "+strings.Join(got, " "))
	}
	path, ok := strings.CutPrefix(r.GetName(), f.parent+"/secrets/")
	name, version, _ := strings.Cut(path, "/versions/")
	versions := f.secrets[name]
	number := len(versions)
	if version != "latest" {
		number, _ = strconv.Atoi(version)
	}
	switch {
	case !ok:
		return nil, status.Error(codes.InvalidArgument, "the name is none of this project")
	case f.forbidden[name]:
		return nil, status.Error(codes.PermissionDenied, "Permission 'secretmanager.versions.access' denied")
	case number < 1 || number > len(versions):
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", r.GetName())
	case f.disabled[name+"@"+strconv.Itoa(number)]:
		return nil, status.Error(codes.FailedPrecondition, "Secret Version is in DISABLED state.")
	}
	data := []byte(versions[number-1])
	sum := int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	if f.damaged {
		sum++
	}
	return &secretmanagerpb.AccessSecretVersionResponse{Name: r.GetName(), Payload: &secretmanagerpb.SecretPayload{Data: data, DataCrc32C: &sum}}, nil
}

// An identity shows a token, as Application Default Credentials do.
type identity struct{ token atomic.Pointer[string] }

func (i *identity) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + *i.token.Load()}, nil
}

func (*identity) RequireTransportSecurity() bool { return false }

// options have a client ask the fake.
func (f *fake) options(who *identity) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(f.address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(grpc.WithPerRPCCredentials(who)),
	}
}

// A clock is one that tests put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(_ contract.T, d time.Duration) { c.ahead.Add(int64(d)) }

// open opens a source over the fake, which has a secret, and returns who it asks as.
func open(t *testing.T, f *fake, cfg secretmanager.Config) (*secretmanager.Source, *identity) {
	t.Helper()
	f.set(db.Name, hidden)
	who := &identity{}
	token := "hidden-token-1"
	who.token.Store(&token)
	cfg.Project, cfg.Options = "shop", f.options(who)
	source, err := secretmanager.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source, who
}

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		f := newFake(t)
		var time clock
		source, _ := open(t, f, secretmanager.Config{Now: time.now})
		return secretstest.Harness{
			Source: source,
			Set:    func(_ contract.T, name, value string) { f.set(name, value) },
			Delete: func(_ contract.T, name string) { f.with(func(f *fake) { delete(f.secrets, name) }) },
			Newest: func(_ contract.T, name string) string {
				f.mu.Lock()
				defer f.mu.Unlock()
				return strconv.Itoa(len(f.secrets[name]))
			},
			Forbid: func(_ contract.T, name string) { f.with(func(f *fake) { f.forbidden[name] = true }) },
			Break: func(contract.T) {
				f.with(func(f *fake) { f.err = status.Error(codes.Unavailable, "the service is currently unavailable") })
			},
			Mend: func(contract.T) { f.with(func(f *fake) { f.err = nil }) },
			Pass: time.pass,
		}
	})
}

// everything returns what an error and its causes say.
func everything(err error) string {
	var text strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		text.WriteString(err.Error() + " " + fault.Of(err).Detail + " " + fault.Of(err).Hint + "\n")
	}
	return text.String()
}

// TestTokenEnds has a token end in mid-flight, as one for another audience or of a clock
// that is wrong does: what was read serves until there is another.
func TestTokenEnds(t *testing.T) {
	f := newFake(t)
	told := make(chan error, 10)
	var time clock
	source, who := open(t, f, secretmanager.Config{Now: time.now, Failed: func(err error) { told <- err }})
	expect(t, source, db, hidden)
	f.with(func(f *fake) { f.token, f.secrets[db.Name] = "hidden-token-2", []string{"another"} })
	time.pass(t, secrets.Fresh)
	expect(t, source, db, hidden)
	err := <-told
	if why := fault.Of(err); why.Code != "login-refused" || why.Hint == "" || strings.Contains(everything(err), "hidden") {
		t.Errorf("the log is told %s, want login-refused with a hint and without the token", everything(err))
	}
	token := "hidden-token-2"
	who.token.Store(&token)
	time.pass(t, secrets.Fresh)
	for { // what is kept is given while it is read again
		got, err := source.Secret(t.Context(), db)
		if got == "another" {
			return
		}
		if err != nil || got != hidden {
			t.Fatalf("Secret = %q, %v; want %s or another", got, err, hidden)
		}
		tick()
	}
}

// tick lets what is read meanwhile go on.
func tick() { time.Sleep(time.Millisecond) }

func expect(t *testing.T, source *secretmanager.Source, ref secrets.Ref, want string) {
	t.Helper()
	if got, err := source.Secret(t.Context(), ref); err != nil || got != want {
		t.Errorf("Secret(%s) = %q, %v; want %q", ref, got, err, want)
	}
}

// TestAilments has Secret Manager answer what it answers when it cannot.
func TestAilments(t *testing.T) {
	exhausted := func(wait time.Duration) error {
		said, err := status.New(codes.ResourceExhausted, "Quota exceeded for "+hidden).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
		if err != nil {
			t.Fatal(err)
		}
		return said.Err()
	}
	for _, tt := range []struct {
		name    string
		err     error
		damaged bool
		code    string
		asked   int
	}{
		{"throttled", exhausted(20 * time.Second), false, "throttled", 1},
		{"throttled for now", exhausted(0), false, "throttled", 3},
		{"away", status.Error(codes.Unavailable, hidden), false, "unreachable", 3},
		{"failing", status.Error(codes.Internal, hidden), false, "failed", 3},
		{"odd", status.Error(codes.Unknown, hidden), false, "failed", 3},
		{"damaged", nil, true, "damaged", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits between its attempts
			f := newFake(t)
			told := make(chan error, 10)
			var time clock
			source, _ := open(t, f, secretmanager.Config{Now: time.now, Failed: func(err error) { told <- err }})
			expect(t, source, db, hidden)
			f.with(func(f *fake) { f.err, f.damaged = tt.err, tt.damaged })
			time.pass(t, secrets.Fresh)
			before := f.count()
			expect(t, source, db, hidden)
			if asked := f.count() - before; asked != tt.asked {
				t.Errorf("it was asked %d times, want %d", asked, tt.asked)
			}
			err := <-told
			if fault.KindOf(err) != fault.Unavailable || fault.Of(err).Code != tt.code || fault.Of(err).Hint == "" {
				t.Errorf("the log is told %v (%s), want %s with a hint", err, fault.Of(err).Code, tt.code)
			}
			if text := everything(err); strings.Contains(text, "hidden") {
				t.Errorf("the log is told a secret: %s", text)
			}
		})
	}
}

// TestVersions asks for what only Secret Manager has: latest, and versions that were
// disabled.
func TestVersions(t *testing.T) {
	f := newFake(t)
	source, _ := open(t, f, secretmanager.Config{})
	f.set("key", "first")
	f.set("key", "second")
	f.with(func(f *fake) { f.disabled["key@1"] = true })
	for _, tt := range []struct {
		ref, want string
		kind      fault.Kind
	}{
		{"key@latest", "second", ""},
		{"key@2", "second", ""},
		{"key@1", "", fault.NotFound},
		{"team/key", "", fault.Invalid},
		{"KEY", "", fault.NotFound},
	} {
		ref, ok := secrets.ParseRef(tt.ref)
		if got, err := source.Secret(t.Context(), ref); !ok || got != tt.want || fault.KindOf(err) != tt.kind {
			t.Errorf("Secret(%s) = %q, %v; want %q, %q", tt.ref, got, err, tt.want, tt.kind)
		}
	}
}

// TestWhoLeaves cancels while Secret Manager takes its time, and closes then.
func TestWhoLeaves(t *testing.T) {
	f := newFake(t)
	source, _ := open(t, f, secretmanager.Config{})
	f.with(func(f *fake) { f.waiting = make(chan struct{}) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if got, err := source.Secret(ctx, db); err != context.Canceled || got != "" { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Secret = %q, %v; want %v as it is", got, err, context.Canceled)
	}
	if err := source.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestOpen(t *testing.T) {
	f := newFake(t)
	who := &identity{}
	token := f.token
	who.token.Store(&token)
	f.set("key", "regional")
	f.with(func(f *fake) { f.parent = "projects/shop/locations/europe-west3" })
	source, err := secretmanager.Open(t.Context(), secretmanager.Config{Project: "shop", Location: "europe-west3", Options: f.options(who)})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	expect(t, source, secrets.Ref{Name: "key"}, "regional")

	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/absent.json")
	for _, tt := range []struct {
		cfg  secretmanager.Config
		want fault.Kind
	}{
		{secretmanager.Config{Project: "Shop/secrets/other", Options: f.options(who)}, fault.Invalid},
		{secretmanager.Config{Project: "shop", Location: "a/b", Options: f.options(who)}, fault.Invalid},
		{secretmanager.Config{}, fault.Unavailable},
		{secretmanager.Config{Project: "shop"}, fault.Unavailable},
	} {
		if source, err := secretmanager.Open(t.Context(), tt.cfg); !errors.Is(err, tt.want) || fmt.Sprint(source) != "<nil>" {
			t.Errorf("Open(%+v) = %v, %v; want a %s", tt.cfg, source, err, tt.want)
		}
	}
}
