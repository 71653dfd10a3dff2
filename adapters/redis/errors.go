package redis

import (
	"errors"
	"regexp"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/cache"
)

// A class is what an error code means.
type class struct {
	code         string
	detail, hint string
}

const (
	later       = "repeat the request later"
	unreachable = "unreachable"
	grants      = "grant the user +@read +@write +@scripting +@connection +info, of a cluster also +cluster, for a limiter +time, and the keys prefix:* and {prefix:*"
)

// classes are the codes of Redis: the first word of what it answers. Each is
// fault.Unavailable, for whoever asked can do nothing but go on without the cache.
var classes = map[string]class{
	"OOM":         {"out-of-memory", "Redis has no room", "give it more memory, or a maxmemory-policy of volatile-lru"},
	"READONLY":    {"read-only", "Redis is a replica, and takes no writes", later},
	"LOADING":     {"starting", "Redis is loading its data", later},
	"BUSY":        {"busy", "Redis is busy with a script", later},
	"MASTERDOWN":  {"primary-lost", "Redis has lost its primary", later},
	"CLUSTERDOWN": {"cluster-down", "the cluster does not serve all keys", later},
	"MOVED":       {"moved", "the cluster has moved the keys", later},
	"ASK":         {"moved", "the cluster is moving the keys", later},
	"TRYAGAIN":    {"moved", "the cluster is moving the keys", later},
	"MISCONF":     {"read-only", "Redis cannot save its data, and takes no writes", "look at its log, or turn saving off"},
	"NOREPLICAS":  {"read-only", "Redis has too few replicas, and takes no writes", later},
	"NOAUTH":      {"login-refused", "Redis asks for a password", "write the password into url or password"},
	"WRONGPASS":   {"login-refused", "Redis refuses the user or the password", "look at username and password, or those in url"},
	"NOPERM":      {"not-allowed", "the user may not do that", grants},
}

// scriptError is how Redis before 7 hands on what a command in a script answered.
var scriptError = regexp.MustCompile(`^ERR Error running script .*: -?([A-Z]+) `)

// codeOf returns the code of an error that Redis answered with, or "".
func codeOf(err error) string {
	var answered goredis.Error
	if !errors.As(err, &answered) || errors.Is(err, goredis.Nil) {
		return ""
	}
	text := answered.Error()
	if within := scriptError.FindStringSubmatch(text); within != nil {
		return within[1]
	}
	code, _, _ := strings.Cut(text, " ")
	return code
}

// classify returns the fault that an error of the client is, by its code.
func classify(op string, err error) *fault.Error {
	failed := func(c class) *fault.Error {
		return &fault.Error{Kind: fault.Unavailable, Code: c.code, Detail: c.detail, Hint: c.hint, Op: op, Cause: err}
	}
	var already *fault.Error
	code := codeOf(err)
	known, ok := classes[code]
	switch {
	case errors.As(err, &already):
		return already
	case ok:
		return failed(known)
	case errors.Is(err, goredis.ErrClosed):
		return closed(op)
	case errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, goredis.ErrPoolExhausted):
		return failed(class{"connections-exhausted", "all connections to Redis are at work", later})
	case goredis.IsMaxClientsError(err):
		return failed(class{"connections-exhausted", "Redis takes no more connections", "lower max_conns, or let the server take more"})
	case code != "":
		return failed(class{"refused", "Redis refused a command", "it must be Redis 6 or later, and no proxy that lacks commands"})
	}
	return failed(class{unreachable, "Redis cannot be reached", later})
}

func closed(op string) *fault.Error {
	return fault.New(fault.Unavailable, op, "the connections to Redis are closed").Coded("closed")
}

func otherServer(op string) *fault.Error {
	return fault.New(fault.Conflict, op, "the server is another one now").Coded(cache.OtherServer)
}

func epochLost(op, collection string) *fault.Error {
	return fault.New(fault.Conflict, op, "the epoch is not known of %s", collection).Coded(cache.EpochLost)
}
