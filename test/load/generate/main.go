// Command generate writes a catalogue to load: categories.csv and products.csv,
// in the shape of the well-known Amazon products data set, the same for a seed
// each time. On demand some rows are dirty, in every way that real files are,
// and it says exactly what an import must make of them.
//
//	go run ./test/load/generate --rows 1000000 --seed 7 --dirty 0.02 --dir /tmp/catalogue --expect /tmp/expected.json
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// A catalogue is what to write.
type catalogue struct {
	rows  int     // of products
	seed  uint64  // of everything that is random
	dirty float64 // the share of rows with something wrong
}

// An outcome is what an import of one of the files must come to.
type outcome struct {
	Rows     int            `json:"rows"`
	Loaded   int            `json:"loaded"`
	Rejected map[string]int `json:"rejected"` // by code
}

func run(args []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	rows := flags.Int("rows", 2000, "rows of products")
	seed := flags.Uint64("seed", 1, "the same seed writes the same files")
	dirty := flags.Float64("dirty", 0, "the share of product rows with something wrong, 0 to 1")
	dir := flags.String("dir", ".", "where to write the files")
	expect := flags.String("expect", "", "a file to write what imports must come to, as JSON")
	zip := flags.Bool("gzip", false, "write .csv.gz")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rows < 0 || *dirty < 0 || *dirty > 1 || flags.NArg() > 0 {
		return fmt.Errorf("rows are 0 or more, dirty is 0 to 1, and there are no other arguments")
	}
	c := catalogue{rows: *rows, seed: *seed, dirty: *dirty}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	expected := make(map[string]outcome)
	for name, write := range map[string]func(*bufio.Writer) outcome{"categories": c.categories, "products": c.products} {
		var err error
		if expected[name], err = save(filepath.Join(*dir, name+".csv"), *zip, write); err != nil {
			return err
		}
	}
	if *expect == "" {
		return nil
	}
	text, err := json.MarshalIndent(expected, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*expect, append(text, '\n'), 0o644)
}

// save writes one file.
func save(name string, zip bool, write func(*bufio.Writer) outcome) (_ outcome, err error) {
	if zip {
		name += ".gz"
	}
	file, err := os.Create(name)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var to io.Writer = file
	if zip {
		compressed, _ := gzip.NewWriterLevel(file, gzip.BestCompression) // the level is right
		defer func() { err = errors.Join(err, compressed.Close()) }()
		to = compressed
	}
	buffer := bufio.NewWriterSize(to, 1<<18)
	expected := write(buffer)
	return expected, buffer.Flush()
}
