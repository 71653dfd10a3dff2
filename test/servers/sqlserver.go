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

	"github.com/microsoft/go-mssqldb/azuread"
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
		query(t, server, alone(name), "DROP DATABASE "+name)
	})
	values := at.Query()
	values.Set("database", name)
	at.RawQuery = values.Encode()
	return at.String()
}

// SQLServerUTF8 is SQLServer for a test that wants the collations of UTF-8. It is skipped
// if the server, being older than 2019, does not have them.
func SQLServerUTF8(t testing.TB, options ...string) string {
	t.Helper()
	at := SQLServer(t, options...)
	connector, err := azuread.NewConnector(at)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	var page sql.NullInt64
	if err := db.QueryRowContext(t.Context(), "SELECT CAST(COLLATIONPROPERTY('Latin1_General_100_BIN2_UTF8', 'CodePage') AS int)").Scan(&page); err != nil {
		t.Fatal(err)
	}
	if !page.Valid {
		t.Skip("the server has no collations of UTF-8: it is proved with nvarchar alone")
	}
	return at
}

// alone returns what ends the connections to a database. Azure SQL, whose edition is 5,
// knows no single user.
func alone(name string) string {
	return "IF CAST(SERVERPROPERTY('EngineEdition') AS int) <> 5 EXEC (N'ALTER DATABASE " + name + " SET SINGLE_USER WITH ROLLBACK IMMEDIATE')"
}

// query runs the statements, one after the other, as whoever the URL or Microsoft Entra
// says. Azure SQL takes minutes to make a database.
func query(t testing.TB, server string, statements ...string) {
	t.Helper()
	connector, err := azuread.NewConnector(server)
	if err != nil {
		t.Fatal("PORTOLAN_TEST_SQLSERVER cannot be read")
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // what was done is done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Minute)
	defer cancel()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
