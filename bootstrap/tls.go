package bootstrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A TLS is by what the API shows who it is, and encrypts. Behind a proxy that does that it
// is left out.
type TLS struct {
	// The file with the certificate and those above it, as PEM. It is read again when it
	// changes.
	CertFile string `yaml:"cert_file"`
	// The file with the key of the certificate, as PEM.
	KeyFile string `yaml:"key_file"`
	// The certificate itself instead of its file, as secret://name.
	Cert secrets.Value `yaml:"cert"`
	// The key itself instead of its file, as secret://name.
	Key secrets.Value `yaml:"key"`
	// The least version that is spoken: 1.2, which is the default, or 1.3.
	MinVersion string `yaml:"min_version" jsonschema:"enum=1.2,enum=1.3"`
}

func (t *TLS) setDefaults() { t.MinVersion = "1.2" }

// checkTLS notes what of a pair is missing or given twice.
func (s *settings) checkTLS(found *mistakes) {
	t := s.Service.TLS
	if t == nil {
		return
	}
	note := func(key, detail string) {
		found.add(s.document.name, within(s.document.root, []string{"service", "tls", key}), "service.tls", "%s", detail)
	}
	switch {
	case t.CertFile != "" && t.Cert != nil:
		note("cert", "cert_file names the certificate already; leave one of the two out")
	case t.KeyFile != "" && t.Key != nil:
		note("key", "key_file names the key already; leave one of the two out")
	case t.CertFile == "" && t.Cert == nil:
		note("", "there is no certificate; write cert_file: tls.crt, or cert: secret://name")
	case t.KeyFile == "" && t.Key == nil:
		note("", "there is no key of the certificate; write key_file: tls.key, or key: secret://name")
	}
}

// suites are those of TLS 1.2 that authenticate what they encrypt; 1.3 has no others. Each
// has forward secrecy.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// rereadCertificate is how often it is looked whether the certificate is another one.
const rereadCertificate = 10 * time.Second

// soon is how long before its end a certificate is told of.
const soon = 14 * 24 * time.Hour

// A certificate is the one that is shown now. It is safe for concurrent use.
type certificate struct {
	of   TLS
	log  *slog.Logger
	now  atomic.Pointer[tls.Certificate]
	told string // what was last said of it that is wrong; of watch alone
}

// openCertificate reads the certificate, if there is to be one. What cannot be shown is an
// error.
func openCertificate(ctx context.Context, s *settings, log *slog.Logger) (*certificate, error) {
	if s.Service.TLS == nil {
		return nil, nil
	}
	c := &certificate{of: *s.Service.TLS, log: log}
	pair, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	c.now.Store(pair)
	return c, nil
}

// read returns the certificate as it is kept now.
func (c *certificate) read(ctx context.Context) (*tls.Certificate, error) {
	chain, err := c.part(ctx, "certificate", c.of.CertFile, c.of.Cert)
	if err != nil {
		return nil, err
	}
	key, err := c.part(ctx, "key", c.of.KeyFile, c.of.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil { // it says of neither what it is
		return nil, fault.New(fault.Invalid, "bootstrap.tls", "the certificate and the key of service.tls are no pair of one, both as PEM").
			Because(err).Hinting("cert_file begins with -----BEGIN CERTIFICATE-----, and key_file holds the key that it was made for, without a password")
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fault.New(fault.Invalid, "bootstrap.tls", "the certificate of service.tls cannot be read").Because(err)
		}
	}
	return &pair, nil
}

func (c *certificate) part(ctx context.Context, what, file string, value secrets.Value) ([]byte, error) {
	if value != nil {
		text, err := value(ctx)
		return []byte(text), err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "bootstrap.tls", "the %s of service.tls cannot be read from %.200s", what, file).
			Because(err).Hinting("%s_file of service.tls names a file that the server may read", map[string]string{"certificate": "cert", "key": "key"}[what])
	}
	return text, nil
}

// say logs until when what is shown is good.
func (c *certificate) say(ctx context.Context) {
	leaf := c.now.Load().Leaf
	level, said := slog.LevelInfo, "showing a certificate"
	if time.Until(leaf.NotAfter) < soon {
		level, said = slog.LevelWarn, "showing a certificate that ends soon, or has ended"
	}
	c.log.Log(ctx, level, said, "names", leaf.DNSNames, "not_after", leaf.NotAfter.UTC().Format(time.RFC3339))
}

// watch looks again and again, until ctx is done, whether the certificate is another one.
func (c *certificate) watch(ctx context.Context) {
	c.say(ctx)
	ticks := time.NewTicker(rereadCertificate)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			c.again(ctx)
		}
	}
}

// again shows what is kept now if it is another one. If that is nothing to be shown, the
// one before is, and that is said once.
func (c *certificate) again(ctx context.Context) {
	pair, err := c.read(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
	case err != nil:
		if why := fault.Of(err).Detail; why != c.told {
			c.told = why
			c.log.Error("the certificate of before is shown", "error", err)
		}
	case slices.EqualFunc(pair.Certificate, c.now.Load().Certificate, bytes.Equal):
		c.told = ""
	default:
		c.told = ""
		c.now.Store(pair)
		c.say(ctx)
	}
}

// config returns how TLS is spoken.
func (c *certificate) config() *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
	if c.of.MinVersion == "1.3" {
		config.MinVersion = tls.VersionTLS13
	}
	return config
}

// errAnother says that somebody else answers.
var errAnother = errors.New("the certificate is another one than that of service.tls")

// expecting returns how a client on this machine speaks with the server: by whatever name
// it reaches it, the certificate is this one.
func (c *certificate) expecting() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does, and by more than a name
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, c.now.Load().Certificate[0]) {
				return errAnother
			}
			return nil
		},
	}
}
