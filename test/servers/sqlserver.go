package servers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the driver sqlserver
)

// SQLServer returns the URL of a new and empty database on the server that is named by
// PORTOLAN_TEST_SQLSERVER, with the options that ALTER DATABASE … SET has. The database
// is removed in the end. None can be installed, so what wants one is skipped if none is
// named, even where nothing else may be.
func SQLServer(t testing.TB, options ...string) string {
	t.Helper()
	server := os.Getenv("PORTOLAN_TEST_SQLSERVER")
	if server == "" {
		t.Skip("PORTOLAN_TEST_SQLSERVER is not set, and SQL Server cannot be installed: it is not proved here; see CONTRIBUTING.md")
	}
	at, err := url.Parse(server)
	if err != nil || at.Scheme != "sqlserver" {
		t.Fatal("PORTOLAN_TEST_SQLSERVER is not a URL that begins with sqlserver://")
	}
	name := "test_" + strings.ToLower(rand.Text())
	statements := []string{"CREATE DATABASE " + name}
	for _, option := range options {
		statements = append(statements, "ALTER DATABASE "+name+" SET "+option)
	}
	query(t, server, statements...)
	t.Cleanup(func() {
		query(t, server, "ALTER DATABASE "+name+" SET SINGLE_USER WITH ROLLBACK IMMEDIATE", "DROP DATABASE "+name)
	})
	values := at.Query()
	values.Set("database", name)
	at.RawQuery = values.Encode()
	return at.String()
}

// query runs the statements, one after the other.
func query(t testing.TB, server string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlserver", server)
	if err != nil {
		t.Fatal("PORTOLAN_TEST_SQLSERVER cannot be read")
	}
	defer func() { _ = db.Close() }() // what was done is done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
