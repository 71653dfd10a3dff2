package httpapi

import (
	"net/http"
	"strings"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// preferences, as the document explains them.
var preferenceTexts = map[string]string{
	preferReturn:      "return=minimal answers without the record, return=representation (the default) with it.",
	preferContinue:    "continue-on-error stores, of several records, those that can be stored, and answers 207 with a report of each.",
	preferMaxAffected: "max-affected=n deletes nothing if more than n records match; the answer is 422 then.",
	preferTx:          "tx=rollback does everything but store: the answer is the one that storing would give, without Location and ETag.",
	preferHandling:    "handling=strict refuses preferences that are not known (RFC 7240).",
}

// preferParameter returns the Prefer header of an operation that knows the
// preferences. The component is called by the name.
func (d *documenter) preferParameter(name string, known ...string) object {
	texts := make([]string, 0, len(known)+1)
	for _, each := range append(known, preferHandling) {
		texts = append(texts, preferenceTexts[each])
	}
	return d.parameter(name, object{
		{"name", "Prefer"}, {"in", "header"},
		{"description", strings.Join(texts, " ")},
		{"schema", object{{"type", "string"}}},
	})
}

func (d *documenter) preferCreateParameter() object {
	return d.preferParameter("PreferCreate", preferReturn, preferContinue, preferTx)
}

func (d *documenter) preferReturnParameter() object {
	return d.preferParameter("PreferReturn", preferReturn, preferTx)
}

func (d *documenter) preferMostParameter() object {
	return d.preferParameter("PreferMaxAffected", preferMaxAffected, preferTx)
}

func (d *documenter) preferTxParameter() object { return d.preferParameter("PreferTx", preferTx) }

// idempotencyParameter returns the key under which a write has one effect.
func (d *documenter) idempotencyParameter() object {
	return d.parameter("IdempotencyKey", object{
		{"name", headerIdempotencyKey}, {"in", "header"},
		{"description", "What you call this request. Repeated with the same key within a day it does nothing, and answers what it answered first; another request with the same key is answered 422. It needs a credential."},
		{"schema", object{{"type", "string"}, {"minLength", 1}, {"maxLength", 2*core.MaxOnceKey + 2}}}, // quoted and escaped
	})
}

// repeatable adds to the responses of an operation that takes an Idempotency-Key
// the header of those that are given again.
func (d *documenter) repeatable(answers object) object {
	replayed := shared(&d.headers, "headers", headerReplayed, func() object {
		return responseHeader("true, if this is the answer to an earlier request with the same Idempotency-Key.", "true")
	})
	for i := range answers {
		response := append(object(nil), answers[i].value.(object)...)
		for j := range response {
			if response[j].name == "headers" {
				response[j].value = response[j].value.(object).with(headerReplayed, replayed)
			}
		}
		answers[i].value = response
	}
	return answers
}

// reportAnswer returns the response with a report of each record.
func (c *documented) reportAnswer() object {
	stored := object{
		{"status", object{{"type", "integer"}, {"const", http.StatusCreated}}},
		{"id", object{{"type", "string"}, {"description", "The id as it stands in a path."}}},
		{"etag", object{{"type", "string"}, {"description", "The entity tag of the record."}}},
		{"location", object{{"type", "string"}, {"format", "uri-reference"}, {"description", "The address of the record."}}},
	}
	if c.may(policy.Read) {
		stored = stored.with("record", c.recordSchema())
	}
	row := func(description string, properties object, required ...any) object {
		return object{
			{"type", "object"}, {"description", description}, {"properties", properties},
			{"required", array(required)}, {"additionalProperties", false},
		}
	}
	failed := object{
		{"status", object{{"type", "integer"}, {"minimum", 400}, {"maximum", 599}}},
		{"error", c.problemSchema()},
	}
	number := object{{"type", "integer"}, {"minimum", 0}, {"maximum", core.MaxCreate}}
	return object{
		{"description", "Which records were stored, and what is wrong with the others, in their order. Asked for with continue-on-error."},
		{"headers", c.headersOf("Preference-Applied")},
		{"content", object{{typeJSON, object{{"schema", object{
			{"type", "object"},
			{"properties", object{
				{"value", object{{"type", "array"}, {"items", object{{"oneOf", array{
					row("A record that is stored.", stored, "status", "id"),
					row("A record that is not.", failed, "status", "error"),
				}}}}}},
				{"stored", number},
				{"failed", number},
			}},
			{"required", array{"value", "stored", "failed"}},
			{"additionalProperties", false},
		}}}}}},
	}
}
