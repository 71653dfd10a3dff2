package bootstrap

import (
	"github.com/portolan-io/portolan/adapters/appinsights"
	"github.com/portolan-io/portolan/adapters/bigcache"
	"github.com/portolan-io/portolan/adapters/cloudkms"
	"github.com/portolan-io/portolan/adapters/cloudtrace"
	"github.com/portolan-io/portolan/adapters/datastore"
	"github.com/portolan-io/portolan/adapters/entra"
	"github.com/portolan-io/portolan/adapters/env"
	"github.com/portolan-io/portolan/adapters/file"
	"github.com/portolan-io/portolan/adapters/firebase"
	"github.com/portolan-io/portolan/adapters/keeper"
	"github.com/portolan-io/portolan/adapters/keyvault"
	"github.com/portolan-io/portolan/adapters/local"
	"github.com/portolan-io/portolan/adapters/maillog"
	"github.com/portolan-io/portolan/adapters/memory"
	"github.com/portolan-io/portolan/adapters/oidc"
	"github.com/portolan-io/portolan/adapters/otel"
	"github.com/portolan-io/portolan/adapters/postgres"
	"github.com/portolan-io/portolan/adapters/prometheus"
	"github.com/portolan-io/portolan/adapters/redis"
	"github.com/portolan-io/portolan/adapters/secretmanager"
	"github.com/portolan-io/portolan/adapters/smtp"
	"github.com/portolan-io/portolan/adapters/sqlite"
	"github.com/portolan-io/portolan/adapters/sqlserver"
	"github.com/portolan-io/portolan/adapters/stdout"
	"github.com/portolan-io/portolan/adapters/vault"
)

// builtin are the program's drivers. An adapter is added by its line, and known nowhere else.
func builtin() []Driver {
	return []Driver{
		Repository("memory", memory.Open),
		Repository("sqlite", sqlite.Open),
		Repository("postgres", postgres.Open),
		Repository("sqlserver", sqlserver.Open),
		Repository("datastore", datastore.Open),
		Cache("bigcache", bigcache.Open),
		Cache("memory", memory.OpenCache),
		Cache("redis", redis.Open),
		Limit("memory", memory.OpenLimiter),
		Limit("redis", redis.OpenLimiter),
		Secrets("env", env.Open),
		Secrets("file", file.Open),
		Secrets("vault", vault.Open),
		Secrets("keyvault", keyvault.Open),
		Secrets("secretmanager", secretmanager.Open),
		Keys("local", keeper.OpenLocal),
		Keys("transit", vault.OpenTransit),
		Keys("keyvault", keyvault.OpenKeys),
		Keys("cloudkms", cloudkms.Open),
		Auth("local", local.Open),
		Auth("oidc", oidc.Open),
		Auth("entra", entra.Open),
		Auth("firebase", firebase.Open),
		Mail("log", maillog.Open),
		Mail("smtp", smtp.Open),
		Telemetry("prometheus", prometheus.Open),
		Telemetry("otlp", otel.Open),
		Telemetry("stdout", stdout.Open),
		Telemetry("cloudtrace", cloudtrace.Open),
		Telemetry("appinsights", appinsights.Open),
	}
}
