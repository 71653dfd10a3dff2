package httpapi

import (
	"net/http"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/policy"
)

// jobsTag is the tag of jobs, which belong to no one collection. No collection
// has this name.
const jobsTag = "jobs"

// importOperation documents $import, for whom nothing of the collection is
// withheld.
func (c *documented) importOperation() object {
	if !c.imports {
		return nil
	}
	line, err := plainJSON(c.example(func(i int) bool { return c.writes(policy.Create, i) }))
	if err != nil {
		line = []byte("{}")
	}
	rows := func(description, example string) object {
		return object{
			{"schema", object{{"type", "string"}, {"minLength", 1}, {"description", description}}},
			{"example", example},
		}
	}
	content := object{{typeCSV, rows("Rows of CSV (RFC 4180) behind a header with the names of fields.", c.IDField().Name+"\n1\n")}}
	for _, mediaType := range typesNDJSON {
		content = content.with(mediaType, rows("One record a line, each as a JSON object.", string(line)+"\n"))
	}
	return c.operation("post", "import", "Import records of "+c.Name, []policy.Action{policy.Create, policy.Update}, object{
		{"description", "Keeps the rows, answers, and imports them after that. A row replaces the record that has its id; rows that are wrong are left out, and the job tells of them. How far it is is at Location."},
		{"parameters", array{c.preferAsyncParameter(), c.idempotencyParameter()}},
		{"requestBody", object{{"required", true}, {"content", content}}},
		{"responses", c.answers(c.repeatable(object{
			{"202", object{
				{"description", "The rows are here, and will be imported."},
				{"headers", c.headersOf("Location", "Preference-Applied")},
				{"content", object{{typeJSON, object{{"schema", c.jobSchema()}}}}},
			}},
		}), append(bodyStatuses, http.StatusConflict, http.StatusUnprocessableEntity)...)},
	})
}

// preferAsyncParameter returns the preference that changes nothing.
func (d *documenter) preferAsyncParameter() object {
	return d.parameter("PreferAsync", object{
		{"name", "Prefer"}, {"in", "header"},
		{"description", "respond-async is what is done in any case. handling=strict refuses preferences that are not known (RFC 7240)."},
		{"schema", object{{"type", "string"}}},
	})
}

// describeJobs adds what is about the jobs of all collections, if the caller may
// begin any, and returns their tag.
func (d *documenter) describeJobs() (tags array) {
	needed, imports := array{needs("apiKey"), needs("bearer")}, false
	security := needed
	for _, each := range d.allowed {
		imports = imports || each.Imports
		if d.public[each.Collection.Name].Imports {
			security = append(array{object{}}, needed...)
		}
	}
	if !imports {
		return nil
	}
	id := object{
		{"name", "id"}, {"in", "path"}, {"required", true},
		{"description", "The id of the job."},
		{"schema", object{{"type", "string"}, {"format", "uuid"}}},
	}
	operation := object{
		{"operationId", "jobs.get"},
		{"tags", array{jobsTag}},
		{"summary", "See how far a job is"},
		{"description", "Answers a job that you began. To others it does not exist."},
		{"responses", d.answers(object{
			{"200", object{
				{"description", "The job as it is now."},
				{"headers", d.headersOf("Retry-After")},
				{"content", object{{typeJSON, object{{"schema", d.jobSchema()}}}}},
			}},
		}, http.StatusNotAcceptable)},
		{"security", security},
	}
	d.paths = d.paths.with(d.base+"/jobs/{id}", object{{"parameters", array{id}}, {"get", operation}})
	return array{object{{"name", jobsTag}, {"description", "What goes on after its request was answered."}}}
}

// jobSchema returns the reference to the schema of every job.
func (d *documenter) jobSchema() object {
	count := func(description string) object {
		return object{{"type", "integer"}, {"format", "int64"}, {"minimum", 0}, {"description", description}}
	}
	text := func(description string) object { return object{{"type", "string"}, {"description", description}} }
	closed := func(required array, properties object) object {
		return object{{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}}
	}
	return shared(&d.schemas, "schemas", "Job", func() object {
		reject := closed(array{"line", "column", "code", "reason"}, object{
			{"line", object{{"type", "integer"}, {"format", "int64"}, {"minimum", 1}, {"description", "Where the row begins."}}},
			{"column", text("The field that is wrong; empty if it is the row as a whole.")},
			{"code", text("A stable name of what is wrong.")},
			{"reason", text("A sentence about it.")},
		})
		return closed(array{"id", "kind", "collection", "state", "created", "updated", "octets", "rows", "loaded", "rejected", "rejectedByCode", "rejects"}, object{
			{"id", object{{"type", "string"}, {"format", "uuid"}}},
			{"kind", object{{"type", "string"}, {"enum", array{"import"}}}},
			{"collection", object{{"type", "string"}}},
			{"state", object{{"type", "string"}, {"enum", array{core.JobQueued, core.JobRunning, core.JobFinished, core.JobFailed}}}},
			{"created", object{{"type", "string"}, {"format", "date-time"}}},
			{"updated", object{{"type", "string"}, {"format", "date-time"}}},
			{"octets", closed(array{"read"}, object{{"read", count("How much of the rows is done.")}, {"total", count("How much there is, decompressed.")}})},
			{"rows", count("Rows that are done: loaded and rejected.")},
			{"loaded", count("Rows that are stored.")},
			{"rejected", count("Rows that were left out.")},
			{"rejectedByCode", object{{"type", "object"}, {"additionalProperties", count("How many rows were left out for this reason.")}}},
			{"rejects", object{{"type", "array"}, {"items", reject}, {"maxItems", core.MaxJobRejects}, {"description", "The first rows that were left out."}}},
			{"error", closed(array{"code", "detail"}, object{
				{"code", text("A stable name of why the job failed.")}, {"detail", text("A sentence about it.")},
			}).with("description", "Why the job failed; it is there only then.")},
		})
	})
}
