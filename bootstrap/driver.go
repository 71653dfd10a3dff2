package bootstrap

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/auth"
	"github.com/portolan-io/portolan/ports/cache"
	"github.com/portolan-io/portolan/ports/keys"
	"github.com/portolan-io/portolan/ports/limit"
	"github.com/portolan-io/portolan/ports/mail"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/secrets"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// A Driver is an adapter that is not opened yet: a name by which configurations
// choose it for a port, the type of its settings, and how it is opened. Make one
// with [Repository], [Cache], [Limit], [Secrets], [Keys], [Auth], [Mail] or [Telemetry].
//
// The settings are a struct whose yaml tags are the keys. A field of type
// secrets.Value is a secret that may rotate; a string may refer to a secret too
// and gets what it holds at the start.
type Driver struct {
	port     string
	name     string
	config   reflect.Type
	open     func(ctx context.Context, settings reflect.Value) (any, error)
	settings reflect.Value // once the driver is picked
	written  string        // what it was picked with, so that two that are alike are known
	issues   bool          // of auth: it makes tokens and keeps passwords
	shared   bool          // of a cache: many instances can share it

	directory bool // of auth: it keeps accounts elsewhere
}

// Repository returns the driver of a place to keep records. If the store has to be given
// its indexes by other means, C has a method IndexFile([]*schema.Collection) []byte that
// returns the file for that, and portolan init and validate --indexes write it. It is YAML
// with the key indexes alone, which are a list of mappings with a kind.
func Repository[C any, S repository.Store](name string, open func(context.Context, C) (S, error)) Driver {
	return newDriver("repository", name, open)
}

// Cache returns the driver of a place to keep answers for a while. If A is also a
// cache.Server, many instances can share it.
func Cache[C any, A cache.Cache](name string, open func(context.Context, C) (A, error)) Driver {
	d := newDriver("cache", name, open)
	d.shared = reflect.TypeFor[A]().Implements(reflect.TypeFor[cache.Server]())
	return d
}

// Limit returns the driver of something that counts what callers ask. If L has a method
// Ping(context.Context) error it counts elsewhere, for as many instances as there are: while
// it cannot be reached each of them allows its share.
func Limit[C any, L limit.Limiter](name string, open func(context.Context, C) (L, error)) Driver {
	return newDriver("limit", name, open)
}

// Secrets returns the driver of a place to keep secrets.
func Secrets[C any, S secrets.Source](name string, open func(context.Context, C) (S, error)) Driver {
	return newDriver("secrets", name, open)
}

// Auth returns the driver of something that turns credentials into principals.
//
// If A is also an auth.Issuer and an auth.Hasher, or an auth.Directory, there may be
// accounts. If A has a method Revocable() bool that returns true, nothing it accepted is
// believed without asking it again; if it has a method Unsigned() bool that returns true,
// whatever tokens say is believed, and the server listens to this machine alone.
func Auth[C any, A auth.Authenticator](name string, open func(context.Context, C) (A, error)) Driver {
	d := newDriver("auth", name, open)
	d.issues = issues(reflect.TypeFor[A]())
	d.directory = reflect.TypeFor[A]().Implements(reflect.TypeFor[auth.Directory]())
	return d
}

// Keys returns the driver of something that keeps the keys of encrypted fields.
func Keys[C any, K keys.Keeper](name string, open func(context.Context, C) (K, error)) Driver {
	return newDriver("keys", name, open)
}

// Mail returns the driver of something that sends e-mail.
func Mail[C any, S mail.Sender](name string, open func(context.Context, C) (S, error)) Driver {
	return newDriver("mail", name, open)
}

// Telemetry returns the driver of an observer.
func Telemetry[C any, O telemetry.Observer](name string, open func(context.Context, C) (O, error)) Driver {
	return newDriver("telemetry", name, open)
}

func newDriver[C, A any](port, name string, open func(context.Context, C) (A, error)) Driver {
	return Driver{
		port: port, name: name, config: reflect.TypeFor[C](),
		open: func(ctx context.Context, settings reflect.Value) (any, error) {
			adapter, err := open(ctx, settings.Interface().(C))
			if err != nil {
				return nil, err // not a nil adapter in an interface that is none
			}
			return adapter, nil
		},
	}
}

// checkDrivers returns an error if two drivers of one port have the same name,
// or one has no name or settings that cannot be configured.
func checkDrivers(drivers []Driver) error {
	seen := make(map[[2]string]bool, len(drivers))
	for _, driver := range drivers {
		key := [2]string{driver.port, driver.name}
		switch {
		case driver.open == nil || driver.name == "" || driver.name == "driver":
			return fault.New(fault.Invalid, "bootstrap.Main", "a driver of the port %s has no name that a configuration can use", driver.port)
		case driver.config.Kind() != reflect.Struct:
			return fault.New(fault.Invalid, "bootstrap.Main", "the settings of the driver %s of the port %s are no struct", driver.name, driver.port)
		case seen[key]:
			return fault.New(fault.Exists, "bootstrap.Main", "there are two drivers called %s for the port %s", driver.name, driver.port)
		}
		seen[key] = true
	}
	return nil
}

// telling has the picked driver tell of failures that nobody who asks it sees, if its
// settings have a field Failed for that.
func (d Driver) telling(failed func(error)) {
	if field := d.settings.FieldByName("Failed"); field.IsValid() && field.Type() == reflect.TypeFor[func(error)]() {
		field.Set(reflect.ValueOf(failed))
	}
}

// key names the picked driver with its settings.
func (d Driver) key() string { return d.port + " " + d.name + " " + d.written }

// lendDriver is open, of what other configurations with the same driver may have too.
func lendDriver[P interface{ Close() error }](ctx context.Context, of *closers, driver Driver) (P, error) {
	return lend(of, driver.key(), func(own *closers) (P, error) {
		adapter, err := open[P](ctx, driver)
		if err == nil {
			own.addClose(adapter.Close)
		}
		return adapter, err
	})
}

// open opens the adapter of a picked driver as the type of its port.
func open[P any](ctx context.Context, driver Driver) (P, error) {
	adapter, err := driver.open(ctx, driver.settings)
	if err != nil {
		var none P
		why := fault.Of(err)
		hint := strings.Join(slices.DeleteFunc([]string{why.Hint, driver.lookedUp()}, func(s string) bool { return s == "" }), "; ")
		return none, fault.New(why.Kind, "bootstrap.open", "the driver %s of the port %s could not be opened: %s",
			driver.name, driver.port, why.Detail).Hinting("%s", hint).Because(err)
	}
	return adapter.(P), nil
}

// lookedUp says where the relative paths among the settings were looked up,
// which is not where the configuration is; without any it is empty. Paths are
// the settings called path and dir.
func (d Driver) lookedUp() string {
	var places []string
	for _, f := range fieldsOf(d.config) {
		value := d.settings.FieldByIndex(f.index)
		if f.key != "path" && f.key != "dir" || value.Kind() != reflect.String || value.String() == "" || filepath.IsAbs(value.String()) {
			continue
		}
		if absolute, err := filepath.Abs(value.String()); err == nil {
			places = append(places, fmt.Sprintf("%s is %s", f.key, absolute))
		}
	}
	if places == nil {
		return ""
	}
	return enumerate(places, "and") + ", because paths are relative to the working directory"
}
