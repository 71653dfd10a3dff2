// Portolan-bolt is Portolan with one more driver, which somebody else has written.
package main

import (
	"os"

	"github.com/portolan-io/portolan/bootstrap"

	"example.com/portolan-bolt/bolt"
)

func main() { os.Exit(bootstrap.Main(os.Args[1:], os.Stdout, bootstrap.Repository("bolt", bolt.Open))) }
