package bootstrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core/fault"
)

// reloadPath is where the admin listener takes the order to reload, as that of Prometheus
// does.
const reloadPath = "/-/reload"

// ServeHTTP reloads for a POST, and answers with what is different, or with what is wrong.
func (r *reloader) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST reloads the configuration", http.StatusMethodNotAllowed)
		return
	}
	log := r.serving.now.Load().log // which may be another one then
	changes, err := r.reload(request.Context())
	answer, status := map[string]any{"reloaded": err == nil}, http.StatusOK
	var wrong mistakes
	switch {
	case errors.As(err, &wrong):
		answer["mistakes"], status = wrong, http.StatusUnprocessableEntity
	case errors.Is(err, error(errReloading)):
		answer["problem"], status = errReloading.Detail, http.StatusConflict
		answer["hint"] = "ask again when it is done"
	case err != nil:
		answer["problem"], status = fault.Of(err).Detail, http.StatusUnprocessableEntity
		if hint := fault.Of(err).Hint; hint != "" {
			answer["hint"] = hint
		}
		if places := fault.Of(err).Places; len(places) > 0 {
			answer["places"] = places
		}
	default:
		answer["changes"] = changes
	}
	if err != nil {
		log.Error("the configuration was not reloaded, and the one before goes on", "because", "POST "+reloadPath, "error", err)
	} else {
		log.Info("the configuration was reloaded", "because", "POST "+reloadPath, "changes", changes)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // whoever is gone need not know
}

// fixedAs notes what cannot change while the server runs, and is other than before.
func (s *settings) fixedAs(former *settings) error {
	var found mistakes
	for _, each := range []struct {
		keys     []string
		is, was  string
		writable bool // the value can be told
	}{
		{[]string{"service", "listen"}, s.Service.Listen, former.Service.Listen, true},
		{[]string{"service", "admin"}, s.Service.Admin, former.Service.Admin, true},
		{[]string{"service", "log"}, s.Service.Log, former.Service.Log, true},
		{[]string{"service", "header_timeout"}, s.Service.HeaderTimeout.String(), former.Service.HeaderTimeout.String(), true},
		{[]string{"service", "read_timeout"}, s.Service.ReadTimeout.String(), former.Service.ReadTimeout.String(), true},
		{[]string{"service", "request_timeout"}, s.Service.RequestTimeout.String(), former.Service.RequestTimeout.String(), true},
		{[]string{"service", "idle_timeout"}, s.Service.IdleTimeout.String(), former.Service.IdleTimeout.String(), true},
		{[]string{"service", "max_header"}, fmt.Sprint(s.Service.MaxHeader), fmt.Sprint(former.Service.MaxHeader), true},
		{[]string{"service", "max_connections"}, fmt.Sprint(s.Service.MaxConnections), fmt.Sprint(former.Service.MaxConnections), true},
		{[]string{"service", "drain_delay"}, s.Service.DrainDelay.String(), former.Service.DrainDelay.String(), true},
		{[]string{"service", "spool"}, s.Service.Spool, former.Service.Spool, true},
		{[]string{"development"}, fmt.Sprint(s.Development), fmt.Sprint(former.Development), false},
		{[]string{"service", "instances"}, s.Service.Instances, former.Service.Instances, true},
		{[]string{"service", "tls"}, s.tlsKey(), former.tlsKey(), false},
		{[]string{"secrets"}, s.secrets.key(), former.secrets.key(), false},
		{[]string{"telemetry"}, driverKeys(s.telemetry), driverKeys(former.telemetry), false},
	} {
		if each.is == each.was {
			continue
		}
		hint := "restart it"
		if each.writable {
			hint += ", or write " + quoted(each.was) + " again"
		}
		path := each.keys[0]
		if len(each.keys) > 1 {
			path = join(path, each.keys[1])
		}
		found.add(s.document.name, within(s.document.root, each.keys), path, "this cannot change while the server runs; %s", hint)
	}
	return found.err()
}

func (s *settings) tlsKey() string {
	t := s.Service.TLS
	if t == nil {
		return "none"
	}
	return fmt.Sprint(t.CertFile, " ", t.KeyFile, " ", t.Cert != nil, " ", t.Key != nil, " ", t.MinVersion)
}

func driverKeys(drivers []Driver) string {
	all := ""
	for _, driver := range drivers {
		all += driver.key() + "\n"
	}
	return all
}

// maxDifferences is how many of them are told.
const maxDifferences = 50

// differences returns what counts now and did not before, a line each, without secrets.
func differences(former, now *settings) []string {
	lines := compare(former.effective(), now.effective(), "", []string{})
	for _, each := range []struct{ path, was, is string }{
		{"repository", former.repository.key(), now.repository.key()},
		{"cache", former.cache.key(), now.cache.key()},
		{"limit", former.limit.key(), now.limit.key()},
		{"auth", driverKeys(former.auth), driverKeys(now.auth)},
		{"keys", former.keys.key(), now.keys.key()},
		{"mail", former.mail.key(), now.mail.key()},
	} {
		if each.was != each.is {
			lines = append(lines, each.path+" is opened anew")
		}
	}
	if more := len(lines) - maxDifferences; more > 0 {
		lines = append(lines[:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	return lines
}

// compare appends how the node is other than it was.
func compare(was, is *yaml.Node, path string, lines []string) []string {
	if was.Kind == yaml.MappingNode && is.Kind == yaml.MappingNode {
		for i := 0; i < len(was.Content); i += 2 {
			key := was.Content[i].Value
			at := join(path, key)
			if other := child(is, key); other != nil {
				lines = compare(was.Content[i+1], other, at, lines)
			} else {
				lines = append(lines, at+" is left out")
			}
		}
		for i := 0; i < len(is.Content); i += 2 {
			if key := is.Content[i].Value; child(was, key) == nil {
				lines = append(lines, join(path, key)+" is new: "+inline(is.Content[i+1]))
			}
		}
		return lines
	}
	if before, after := inline(was), inline(is); before != after {
		return append(lines, path+": "+before+" is now "+after)
	}
	return lines
}

// maxInline is how many octets are told of a value.
const maxInline = 200

// inline returns the node on one line.
func inline(node *yaml.Node) string {
	flow := *node
	flow.Style = yaml.FlowStyle
	text, err := yaml.Marshal(&flow)
	if err != nil {
		return "?"
	}
	line := string(text[:max(len(text)-1, 0)])
	if len(line) > maxInline {
		line = line[:maxInline] + "…"
	}
	return line
}
