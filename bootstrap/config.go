package bootstrap

import (
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/ports/secrets"
)

// A Config is a whole configuration: one YAML file for each place that Portolan
// runs in. The JSON Schema that editors check it with is made from this type,
// its descriptions from these comments.
type Config struct {
	// The server itself: where it listens, and its limits.
	Service Service `yaml:"service"`
	// Where records are kept. The driver's own section holds its settings.
	Repository Choice `yaml:"repository" jsonschema:"required" port:"repository"`
	// Where answers are kept for a while. Without it every answer is read from the
	// repository.
	Cache Choice `yaml:"cache" port:"cache"`
	// Where each of many instances keeps in its own process what it was last given by
	// the cache that they share: what has not changed is then not sent again, and
	// answers that may be old are given without asking.
	NearCache Choice `yaml:"near_cache" port:"cache"`
	// Where it is counted what callers ask, which limits bound. Without it each process
	// counts for itself.
	Limit Choice `yaml:"limit" port:"limit"`
	// How much callers may ask. Without it they may ask as much as they like.
	Limits *Limits `yaml:"limits"`
	// Where secrets are kept. It is opened first, so that every other section may
	// refer to a secret as secret://name.
	Secrets Choice `yaml:"secrets" port:"secrets"`
	// Where the keys are that the keys of encrypted fields are encrypted with.
	Keys Choice `yaml:"keys" port:"keys"`
	// Who turns credentials into principals, asked in this order. API keys need
	// none of these, only service.key_pepper.
	Auth []Choice `yaml:"auth" port:"auth"`
	// People who log in with a password, or sign in at a provider. Without it there are none.
	Accounts *Accounts `yaml:"accounts"`
	// Who sends mail with the codes of accounts. Without it none is sent.
	Mail Choice `yaml:"mail" port:"mail"`
	// Who is told what happens: metrics and traces.
	Telemetry []Choice `yaml:"telemetry" port:"telemetry"`
	// Where it is noted who came in and what they were allowed.
	Audit Audit `yaml:"audit"`
	// Further files with collections, as patterns relative to this file, such as
	// collections/*.yaml.
	Include []string `yaml:"include"`
	// The collections that are served, by name.
	Collections Named[Collection] `yaml:"collections"`
	// What makes a laptop pleasant and has no place anywhere else.
	Development Development `yaml:"development"`
}

func (*Config) announced() []string {
	return []string{"events", "files", "gateway"}
}

// A Service is how the server listens, and what it allows.
type Service struct {
	// The address of the API, host:port. Port 0 takes a free one. The default is
	// :8080.
	Listen string `yaml:"listen"`
	// The address of metrics, the full readiness report and profiles, or off. Keep
	// it from the public. The default is 127.0.0.1:9090.
	Admin string `yaml:"admin"`
	// By what the API shows who it is, and encrypts. Without it it speaks plain HTTP, as
	// behind a proxy that does both.
	TLS *TLS `yaml:"tls"`
	// How the server is reached from outside, as https://api.example.com: what providers
	// send browsers back to begins with it. http:// is for this machine.
	PublicURL string `yaml:"public_url"`
	// What every path of the API begins with. The default is /v1.
	Base string `yaml:"base"`
	// Who may see /docs and /openapi.json: public, admin (on the admin listener
	// alone) or off. The default is public.
	Docs string `yaml:"docs" jsonschema:"enum=public,enum=admin,enum=off"`
	// How logs are written on standard error: json or text. The default is json.
	Log string `yaml:"log" jsonschema:"enum=json,enum=text"`
	// The least important level that is logged. The default is info.
	LogLevel string `yaml:"log_level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	// How long requests are still accepted after the order to stop, so that load
	// balancers can notice; at most 6s. The default is 2s.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// How long the head of a request may take to arrive. The default is 5s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// How long a whole request may take to arrive. The default is 10s.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// How long an ordinary request may be worked on; writing the answer may take 5s
	// more. The default is 25s.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// How long an unused connection is kept. The default is 60s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// How many octets the head of a request may have. The default is 16384.
	MaxHeader int `yaml:"max_header" jsonschema:"minimum=1024"`
	// How many octets the body of an ordinary request may have. The default is
	// 4194304.
	MaxBody int64 `yaml:"max_body" jsonschema:"minimum=1024"`
	// How many octets an import over HTTP may have, decompressed. The default is
	// 1073741824.
	MaxImport int64 `yaml:"max_import" jsonschema:"minimum=1024"`
	// The directory where imports over HTTP are kept until they are done; with the
	// same one a later process goes on with them. No two stores may share it. The
	// default is that of the database's file, with .imports behind its name.
	Spool string `yaml:"spool"`
	// How many connections are open at once; more wait. The default is 4096.
	MaxConnections int `yaml:"max_connections" jsonschema:"minimum=1"`
	// The proxies whose X-Forwarded-For, X-Forwarded-Proto and traceparent are believed, as
	// ranges of addresses.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// What the hashes of API keys are keyed with, 32 octets or more, best as
	// secret://name. Without it there are no API keys.
	KeyPepper secrets.Value `yaml:"key_pepper"`
	// Peppers that API keys may have been made under as well: the one before, until keys
	// made under it were replaced, or the next one, until all instances make keys under it.
	OtherKeyPeppers []secrets.Value `yaml:"other_key_peppers"`
	// What cursors are signed with, and revisions made that are hashes of records, 32
	// octets or more, the same for all instances, best as secret://name. Without it
	// cursors end with the process.
	CursorKey secrets.Value `yaml:"cursor_key"`
	// Keys that cursors may be signed with as well: the one before, until nobody follows a
	// page of it, or the next one, until all instances sign with it.
	OtherCursorKeys []secrets.Value `yaml:"other_cursor_keys"`
	// How many processes serve the repository: one, which is the default, or many.
	// Many agree by a cache that they share, or have none.
	Instances string `yaml:"instances" jsonschema:"enum=one,enum=many"`
	// Of how many answers that the cache gives of strict collections one is read from
	// the repository as well, after it was given, to see whether the cache is right.
	// 0 is of none. The default is 1000.
	Rereads int `yaml:"rereads" jsonschema:"minimum=0"`
	// Which pages of other origins may read answers in a browser. Without it none
	// may.
	CORS *CORS `yaml:"cors"`
}

func (s *Service) setDefaults() {
	*s = Service{
		Listen: ":8080", Admin: "127.0.0.1:9090", Base: "/v1", Docs: "public", Log: "json", LogLevel: "info",
		DrainDelay: 2 * time.Second, HeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		RequestTimeout: 25 * time.Second, IdleTimeout: time.Minute,
		MaxHeader: 16 << 10, MaxBody: 4 << 20, MaxImport: 1 << 30, MaxConnections: 4096, Instances: "one", Rereads: 1000,
	}
}

// Development is for a laptop: with any of it the server prints where everything
// is and what to try.
type Development struct {
	// Imports the sample that is part of the program, 248 categories and about
	// 2,000 products, into the collections categories and products at every start.
	Sample bool `yaml:"sample"`
	// Makes an API key with the role admin at every start, valid for a day, and
	// prints it, if the API is on an address that only this machine can reach.
	AdminKey bool `yaml:"admin_key"`
}
