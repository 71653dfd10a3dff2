package sqlserver

import (
	"context"
	"database/sql/driver"
	"net/url"
	"strings"
	"sync"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/azuread"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// A connector makes connections for database/sql. What it is told is asked for anew
// each time, but as long as that stays the same so does the connector of the driver,
// with the token that it has of Microsoft Entra.
type connector struct {
	cfg Config

	mu   sync.Mutex
	dsn  string // of the last connection
	made *mssql.Connector
	at   msdsn.Config
}

// Connect makes a connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	dsn, err := c.cfg.DSN(ctx)
	if err != nil {
		return nil, err
	}
	if c.cfg.Password != nil {
		password, err := c.cfg.Password(ctx)
		if err != nil {
			return nil, err
		}
		if dsn, err = with(dsn, "password", password); err != nil {
			return nil, err
		}
	}
	made, err := c.of(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := made.Connect(ctx)
	if err != nil {
		return nil, &connectError{err}
	}
	return conn, nil
}

// A connectError is why there is no connection.
type connectError struct{ error }

func (e *connectError) Unwrap() error { return e.error }

// Driver returns that of the connections.
func (c *connector) Driver() driver.Driver { return &mssql.Driver{} }

// of returns the driver's connector.
func (c *connector) of(dsn string) (*mssql.Connector, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made != nil && c.dsn == dsn {
		return c.made, nil
	}
	secured, at, err := secure(dsn)
	if err != nil {
		return nil, err
	}
	made, err := azuread.NewConnector(secured)
	if err != nil {
		return nil, errDSN
	}
	c.dsn, c.made, c.at = dsn, made, at
	return made, nil
}

// where returns where the last connection went.
func (c *connector) where() msdsn.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// secure returns the DSN with what it leaves out. The driver would neither encrypt nor
// look at the certificate. Times without a zone are in UTC, whatever it says.
func secure(dsn string) (string, msdsn.Config, error) {
	at, err := msdsn.Parse(dsn)
	if err != nil || at.Parameters[msdsn.Server] == "" {
		return "", at, errDSN
	}
	missing := map[string]string{msdsn.Timezone: "UTC"}
	if at.Parameters[msdsn.Encrypt] == "" {
		missing[msdsn.Encrypt] = "true"
	}
	if at.Parameters[msdsn.AppName] == "" {
		missing[msdsn.AppName] = "portolan"
	}
	for name, value := range missing {
		if dsn, err = with(dsn, name, value); err != nil {
			return "", at, err
		}
	}
	if at, err = msdsn.Parse(dsn); err != nil {
		return "", at, errDSN
	}
	return dsn, at, nil
}

// with returns the DSN with one more parameter; the password of a URL stands with its user.
func with(dsn, name, value string) (string, error) {
	if !strings.HasPrefix(dsn, "sqlserver://") {
		if strings.HasPrefix(dsn, "odbc:") {
			return strings.TrimRight(dsn, ";") + ";" + name + "={" + strings.ReplaceAll(value, "}", "}}") + "}", nil
		}
		return strings.TrimRight(dsn, ";") + ";" + name + `="` + strings.ReplaceAll(value, `"`, `""`) + `"`, nil
	}
	at, err := url.Parse(dsn)
	if err != nil {
		return "", errDSN
	}
	if name == "password" && at.User != nil {
		at.User = url.UserPassword(at.User.Username(), value)
		return at.String(), nil
	}
	query := at.Query()
	query.Set(name, value)
	at.RawQuery = query.Encode()
	return at.String(), nil
}
