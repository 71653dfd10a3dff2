package sqlite

import (
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/portolan-io/portolan/adapters/internal/gormstore"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/repository"
	"github.com/portolan-io/portolan/ports/repository/repositorytest"
)

// besides is the dialect of an engine whose texts are compared by columns of their
// octets, and which has no ON CONFLICT: what internal/gormstore does for such a one is
// proved here by an engine that can be run.
func besides() *gormstore.Dialect {
	const suffix = "$octets"
	quoted := func(f *schema.Field) string { return "`" + f.Name + suffix + "`" }
	d := dialect
	d.StartsWith, d.EndsWith, d.Contains = "{c} >= {o} AND {c} < {e}", "length({c}) >= length({o}) AND substr({c}, -length({o})) = {o}", "instr({n}, {v}) > 0"
	d.Unless, d.Octets = "", true
	d.Named, d.Gorm = true, numbered{d.Gorm}
	d.Managed = func(f *schema.Field) gormstore.Mapped {
		if f.Type == record.StringType {
			return gormstore.Mapped{Read: quoted(f), Operand: "{o}"}
		}
		return gormstore.Mapped{}
	}
	d.Beside = func(f *schema.Field, _ bool) gormstore.Beside {
		if f.Type == record.StringType {
			return gormstore.Beside{Name: quoted(f), Definition: "BLOB", Write: "{o}"}
		}
		return gormstore.Beside{}
	}
	d.Map = func(f *schema.Field, existing gormstore.Column) (gormstore.Mapped, string) {
		mapped, why := mapColumn(f, existing)
		if f.Type == record.StringType { // by its octets, and by an index that folds case
			mapped = gormstore.Mapped{Read: "CAST({c} AS BLOB)", Operand: "{o}", Seek: "{c} COLLATE NOCASE", SeekOperand: "{v}"}
		}
		return mapped, why
	}
	d.Describe = func(db *gorm.DB, table string) (*gormstore.Existing, error) {
		existing, err := describe(db, table)
		if existing == nil {
			return nil, err
		}
		keys := map[string]int{}
		columns := existing.Columns
		existing.Columns = nil
		for _, c := range columns {
			if text, ok := strings.CutSuffix(c.Name, suffix); ok {
				keys[text] = c.Key
				continue
			}
			existing.Columns = append(existing.Columns, c)
		}
		for i := range existing.Columns {
			existing.Columns[i].Key = max(existing.Columns[i].Key, keys[existing.Columns[i].Name])
		}
		for i := range existing.Indexes {
			for j, name := range existing.Indexes[i].Columns {
				existing.Indexes[i].Columns[j] = strings.TrimSuffix(name, suffix)
			}
		}
		return existing, err
	}
	return &d
}

// numbered writes parameters by their number, so that one may be written again.
type numbered struct{ gorm.Dialector }

func (numbered) BindVarTo(w clause.Writer, stmt *gorm.Statement, _ any) {
	_, _ = w.WriteString("?" + strconv.Itoa(len(stmt.Vars)))
}

// TestContractBeside runs the suite over it.
func TestContractBeside(t *testing.T) {
	repositorytest.Run(t, func(t *testing.T) repository.Store {
		return gormstore.New(besides(), openTest(t, testPath(t)).engine)
	})
}

// TestUnmanagedSought runs the cases of existing tables over it, whose ids are found by
// what takes ids for equal that are not.
func TestUnmanagedSought(t *testing.T) {
	for name, tt := range map[string]struct{ table, revision string }{
		"hash": {kept + ")", ""}, "number": {kept + ", rv BIGINT NOT NULL)", "rv"},
	} {
		t.Run(name, func(t *testing.T) {
			repositorytest.RunUnmanaged(t, func(t *testing.T) repositorytest.Existing {
				path := testPath(t)
				if _, err := byHand(t, path).ExecContext(t.Context(), tt.table); err != nil {
					t.Fatal(err)
				}
				return repositorytest.Existing{Store: gormstore.New(besides(), openTest(t, path).engine), Table: schema.Table{Name: "kept", Unmanaged: true, Revision: tt.revision}}
			})
		})
	}
}
