package repositorytest

import (
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/ports/repository"
)

// hostile are texts that would mean something if a store put them into a statement.
func hostile() []string {
	return []string{
		`'; DROP TABLE things; --`, `"; DROP TABLE things; --`, "`; DROP TABLE things; --", `]; DROP TABLE things; --`, `' OR '1'='1`,
		`' UNION ALL SELECT * FROM things --`, "%", "_", `\`, `\'`, "?", "?1", ":id", "@id", "$1", "${id}", "{c}", "{v}", "{0}", "\u2019; DROP TABLE things",
		"\uff07 OR 1", "\u02bc OR 1", "/*", "*/", "--", "\r\n;", "__key__", "__Stat_Kind__", "/kinds/things", "NULL", "1=1", "COPY things FROM STDIN", "\\.",
	}
}

// typesHostile stores, finds, pages behind and deletes them: each is a value like any
// other, as an id, a text and an item of a list.
func typesHostile(t T, s repository.Store) {
	var records []record.Record
	for _, text := range hostile() {
		v := record.String(text)
		records = append(records, thing("x"+text, set{fieldText: v, fieldLong: v, fieldTags: record.List([]record.Value{v, record.String("tag")})}))
	}
	store(t, s, things(), records...)
	wantStored(t, "hostile texts", s, things(), records...)
	for _, r := range records {
		v := r.Fields[fieldText]
		for _, op := range []query.Op{query.Eq, query.Ne, query.Gt, query.Contains, query.StartsWith, query.EndsWith} {
			wantMatching(t, s, records, comparison(op, fieldText, v))
			wantMatching(t, s, records, comparison(op, fieldLong, v))
		}
		wantMatching(t, s, records, comparison(query.In, fieldText, v, record.String("y")))
		wantMatching(t, s, records, comparison(query.Has, fieldTags, v))
		wantMatching(t, s, records, comparison(query.Eq, fieldID, r.Fields[fieldID]))
		wantRows(t, "Get of "+string(r.ID), everything(things(), query.Expr{}), get(t, s, things(), r.ID), r)
	}
	half := len(records) / 2
	for _, r := range records[:half] {
		apply(t, s, remove(things(), r.ID, repository.At(r.Revision)))
	}
	wantStored(t, "the half that is left", s, things(), records[half:]...)
}
