package appinsights

import (
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/adapters/internal/spans"
)

// An envelope is one item of telemetry, as the endpoint takes it.
type envelope struct {
	Name       string            `json:"name"`
	Time       string            `json:"time"`
	SampleRate float64           `json:"sampleRate,omitempty"` // in percent: the item stands for 100/SampleRate of its like
	Key        string            `json:"iKey"`
	Tags       map[string]string `json:"tags"`
	Data       data              `json:"data"`

	added addition // to a sum, if it is one
}

type data struct {
	BaseType string `json:"baseType"`
	BaseData any    `json:"baseData"`
}

// requestData is a request that was answered.
type requestData struct {
	Version      int               `json:"ver"`
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Duration     string            `json:"duration"`
	ResponseCode string            `json:"responseCode"`
	Success      bool              `json:"success"`
	Properties   map[string]string `json:"properties,omitempty"`
}

// dependencyData is anything else that took its time.
type dependencyData struct {
	Version    int               `json:"ver"`
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Duration   string            `json:"duration"`
	ResultCode string            `json:"resultCode"`
	Success    bool              `json:"success"`
	Type       string            `json:"type"`
	Target     string            `json:"target,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
}

// exceptionData is a failure, of which the kind is told.
type exceptionData struct {
	Version    int               `json:"ver"`
	Exceptions []exception       `json:"exceptions"`
	Severity   string            `json:"severityLevel"`
	Properties map[string]string `json:"properties,omitempty"`
}

type exception struct {
	TypeName     string `json:"typeName"`
	Message      string `json:"message"`
	HasFullStack bool   `json:"hasFullStack"`
}

// The longest texts that the endpoint takes.
const (
	longestName     = 1024
	longestProperty = 8192
)

// envelopes make envelopes of what OpenTelemetry has.
type envelopes struct {
	key  string
	rate float64
	host string
}

func newEnvelopes(key string, share float64) *envelopes {
	host, _ := os.Hostname() // without one the instance is not told
	if share == 0 {
		share = 1
	}
	return &envelopes{key: key, rate: share * 100, host: host}
}

// of returns the envelopes of a span: its own, and if it failed that of its exception.
func (e *envelopes) of(span sdktrace.ReadOnlySpan) []envelope {
	tags := e.tags(span.Resource())
	tags["ai.operation.id"] = span.SpanContext().TraceID().String()
	if span.Parent().SpanID().IsValid() {
		tags["ai.operation.parentId"] = span.Parent().SpanID().String()
	}
	properties, kind := properties(span.Attributes()), ""
	if value, ok := valueOf(span, spans.ErrorKey); ok {
		kind = value
	}
	own := envelope{Time: timestamp(span.StartTime()), SampleRate: e.rate, Key: e.key, Tags: tags}
	id, took := span.SpanContext().SpanID().String(), duration(span.EndTime().Sub(span.StartTime()))
	name, failed := cut(span.Name(), longestName), span.Status().Code == codes.Error
	if span.SpanKind() == trace.SpanKindServer {
		tags["ai.operation.name"] = name
		status, answered := valueOf(span, spans.StatusKey)
		if !answered {
			status = kind
		}
		delete(properties, string(spans.StatusKey))
		own.Name = "Microsoft.ApplicationInsights.Request"
		own.Data = data{"RequestData", requestData{2, id, name, took, status, !failed, properties}}
	} else {
		system, target := "InProc", ""
		if span.SpanKind() == trace.SpanKindClient {
			system, _ = valueOf(span, spans.SystemKey)
			target, _ = valueOf(span, spans.DBCollectionKey)
		}
		own.Name = "Microsoft.ApplicationInsights.RemoteDependency"
		own.Data = data{"RemoteDependencyData", dependencyData{
			2, id, name, took, kind, !failed, cut(system, longestName), cut(target, longestName), properties,
		}}
	}
	if !failed {
		return []envelope{own}
	}
	return []envelope{own, e.exception(span, tags, kind)}
}

// exception returns the envelope of the failure of a span, beneath it.
func (e *envelopes) exception(span sdktrace.ReadOnlySpan, of map[string]string, kind string) envelope {
	tags := make(map[string]string, len(of))
	for key, value := range of {
		tags[key] = value
	}
	tags["ai.operation.parentId"] = span.SpanContext().SpanID().String()
	return envelope{
		Name: "Microsoft.ApplicationInsights.Exception", Time: timestamp(span.EndTime()), SampleRate: e.rate, Key: e.key, Tags: tags,
		Data: data{"ExceptionData", exceptionData{2, []exception{{kind, kind, false}}, "Error", properties(span.Attributes())}},
	}
}

// tags say who we are.
func (e *envelopes) tags(who *resource.Resource) map[string]string {
	tags := map[string]string{"ai.internal.sdkVersion": "go:portolan", "ai.cloud.roleInstance": e.host}
	for _, a := range who.Attributes() {
		switch a.Key {
		case "service.name":
			tags["ai.cloud.role"] = cut(a.Value.String(), longestName)
		case "service.instance.id":
			tags["ai.cloud.roleInstance"] = cut(a.Value.String(), longestName)
		case "service.version":
			tags["ai.application.ver"] = cut(a.Value.String(), longestName)
		}
	}
	return tags
}

func properties(attributes []attribute.KeyValue) map[string]string {
	found := make(map[string]string, len(attributes))
	for _, a := range attributes {
		found[string(a.Key)] = cut(a.Value.String(), longestProperty)
	}
	return found
}

func valueOf(span sdktrace.ReadOnlySpan, key attribute.Key) (string, bool) {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.String(), true
		}
	}
	return "", false
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// duration writes days, hours, minutes, and seconds to a tenth of a microsecond.
func duration(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%d.%02d:%02d:%02d.%07d", d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60, d%time.Second/100)
}

// cut shortens a text to so many octets, and leaves no half of a rune.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
