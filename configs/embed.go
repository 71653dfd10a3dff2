// Package configs holds the configurations that are part of the program, their
// JSON Schema, and the sample data.
package configs

import "embed"

// Files are the configurations, portolan.schema.json, and in sample/ a file for
// each collection of the sample.
//
//go:embed *.yaml portolan.schema.json sample/*.gz
var Files embed.FS
