package spans

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/telemetry"
)

// The names of attributes: our own, and those of OpenTelemetry's semantic conventions 1.37.
const (
	PortKey       = attribute.Key("portolan.port")
	OperationKey  = attribute.Key("portolan.operation")
	CollectionKey = attribute.Key("portolan.collection")

	ErrorKey  = attribute.Key("error.type")
	MethodKey = attribute.Key("http.request.method")
	RouteKey  = attribute.Key("http.route")
	StatusKey = attribute.Key("http.response.status_code")
	SchemeKey = attribute.Key("url.scheme")

	SystemKey       = attribute.Key("db.system.name")
	DBOperationKey  = attribute.Key("db.operation.name")
	DBCollectionKey = attribute.Key("db.collection.name")
)

// A beginning is what the span of an operation starts with.
type beginning struct {
	name    string
	options []trace.SpanStartOption
}

// beginningOf follows the conventions of HTTP servers but for url.path, which has ids, and
// those of database clients but for db.query.text, which has values.
func beginningOf(op telemetry.Op) beginning {
	name, kind := text(op.Port)+" "+text(op.Name), trace.SpanKindInternal
	switch {
	case op.Port == "http":
		name, kind = text(op.Name), trace.SpanKindServer
	case op.System != "":
		name, kind = strings.TrimRight(text(op.Name)+" "+text(op.Collection), " "), trace.SpanKindClient
	}
	attributes := append(ours(op), conventional(op)...)
	return beginning{name, []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(attributes...)}}
}

// An ending is an operation with the kind of its error, or empty, and with its answer.
type ending struct {
	telemetry.Op
	telemetry.Answer
	kind fault.Kind
}

// measured is what the duration of an operation with this ending is recorded with.
func measured(e ending) []metric.RecordOption {
	var attributes []attribute.KeyValue
	if e.Port == "http" || e.System != "" {
		attributes = conventional(e.Op)
		if e.Port == "http" && e.Collection != "" {
			attributes = append(attributes, CollectionKey.String(text(e.Collection)))
		}
	} else {
		attributes = ours(e.Op)
	}
	attributes = append(attributes, answered(e.Answer)...)
	if e.kind != "" {
		attributes = append(attributes, ErrorKey.String(string(e.kind)))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}
}

// ours are an operation's attributes as the port has them.
func ours(op telemetry.Op) []attribute.KeyValue {
	attributes := []attribute.KeyValue{PortKey.String(text(op.Port)), OperationKey.String(text(op.Name))}
	if op.Collection != "" {
		attributes = append(attributes, CollectionKey.String(text(op.Collection)))
	}
	return attributes
}

// conventional are an operation's attributes as everybody has them.
func conventional(op telemetry.Op) []attribute.KeyValue {
	switch {
	case op.Port == "http":
		method, route, _ := strings.Cut(text(op.Name), " ")
		if method == "OTHER" {
			method = "_OTHER"
		}
		return []attribute.KeyValue{MethodKey.String(method), RouteKey.String(route)}
	case op.System != "":
		attributes := []attribute.KeyValue{SystemKey.String(text(op.System)), DBOperationKey.String(text(op.Name))}
		if op.Collection != "" {
			attributes = append(attributes, DBCollectionKey.String(text(op.Collection)))
		}
		return attributes
	}
	return nil
}

// answered are the attributes of an answer, if there was one.
func answered(a telemetry.Answer) []attribute.KeyValue {
	if a.Status == 0 {
		return nil
	}
	return []attribute.KeyValue{StatusKey.Int(a.Status), SchemeKey.String(text(a.Scheme))}
}

// text makes s UTF-8: one string that is not would spoil its whole batch.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
