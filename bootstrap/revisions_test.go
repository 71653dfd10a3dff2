package bootstrap

import (
	"net/http"
	"strings"
	"testing"
)

// TestRevisionsOfRecordsAreKeyed: where the revision of a record is made of its content, it
// tells nobody what the fields are that he does not see. It is the same for whoever has the
// same cursor_key.
func TestRevisionsOfRecordsAreKeyed(t *testing.T) {
	t.Chdir(t.TempDir())
	const managed = `repository: {driver: sqlite, sqlite: {path: people.db}}
collections:
  people:
    id: id
    fields: {id: {type: string}, name: {type: string}, salary: {type: int}}
`
	write(t, "portolan.yaml", managed)
	write(t, "people.csv", "id,name,salary\nann,Ann,73211\n")
	newProgram(t).must(t, "import", "people.csv", "--into", "people")
	tags := map[string][]string{}
	for _, key := range []string{"9fJq2vXc7LmZt4Rb8Yw3Kd6Hs1Pg5NaE", "Zt4Rb8Yw3Kd6Hs1Pg5NaE9fJq2vXc7Lm", "9fJq2vXc7LmZt4Rb8Yw3Kd6Hs1Pg5NaE"} {
		t.Run("serve", func(t *testing.T) {
			r, api, _ := serveFor(t, `service: {listen: "127.0.0.1:0", admin: "127.0.0.1:0", drain_delay: 0s, cursor_key: "`+key+`"}
development: {admin_key: true}
`+managed+`    table: {managed: false}
    access: {anonymous: {read: true, hide: [salary]}}
`)
			response, err := r.client.Get(api + "/people/ann")
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if tag := response.Header.Get("ETag"); response.StatusCode != http.StatusOK || tag == "" {
				t.Errorf("%s with the tag %q", response.Status, tag)
			} else {
				tags[key] = append(tags[key], tag)
			}
		})
	}
	first, second := tags["9fJq2vXc7LmZt4Rb8Yw3Kd6Hs1Pg5NaE"], tags["Zt4Rb8Yw3Kd6Hs1Pg5NaE9fJq2vXc7Lm"]
	if len(first) != 2 || len(second) != 1 || first[0] != first[1] || first[0] == second[0] {
		t.Errorf("the tags by key are %v", tags)
	}
	many := strings.Replace(managed, "    fields", "    table: {managed: false}\n    fields", 1) + "service: {instances: many}\n"
	if err := check(t, many); err == nil || !strings.Contains(err.Error(), "many instances need service.cursor_key") {
		t.Errorf("many instances without a key: %v", err)
	}
}
