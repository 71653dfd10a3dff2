// Portolan serves collections of records as a data API.
package main

import (
	"os"

	"github.com/portolan-io/portolan/bootstrap"
)

func main() { os.Exit(bootstrap.Main(os.Args[1:], os.Stdout)) }
