package bootstrap

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/secrets"
)

// A document is a configuration as it is written: a file, and those that it
// includes.
type document struct {
	name     string // of the first file, as mistakes name it
	text     []byte // of the first file
	root     *yaml.Node
	included []include
	patterns []string // of files that it includes
	stamp    string   // of what size its files were, and since when, before they were read
}

type include struct {
	name string
	root *yaml.Node
}

// settings are a configuration that has been read: without mistakes, and with
// the drivers that it chooses.
type settings struct {
	Config

	document   *document
	repository Driver
	cache      Driver
	nearCache  Driver
	limit      Driver
	secrets    Driver
	auth       []Driver
	keys       Driver
	mail       Driver
	telemetry  []Driver

	secret      secrets.Value // one of those that the secrets port was asked for, if it was
	revisionKey []byte        // of tables that have no column of revisions
}

// environment looks variables up, as os.LookupEnv does.
type environment func(name string) (string, bool)

// readDocument reads the file of the given path and those that it includes.
func readDocument(path string, env environment) (*document, error) {
	stamp := stampOf(path)
	text, err := readConfigFile(path)
	if err != nil {
		return nil, err
	}
	doc, err := parseDocument(path, text, env, filepath.Dir(path))
	if doc != nil {
		doc.stamp = stamp + doc.stamp
	}
	return doc, err
}

func readConfigFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, mistakes{{File: path, Detail: "there is no such file; portolan init writes one to begin with"}}
	case err != nil:
		return nil, mistakes{{File: path, Detail: "the file cannot be read"}}
	}
	return text, nil
}

// parseDocument parses a configuration. Patterns of include are relative to
// dir; an empty dir allows none.
func parseDocument(name string, text []byte, env environment, dir string) (*document, error) {
	doc := &document{name: name, text: text}
	var found mistakes
	if doc.root = parseYAML(name, text, &found); doc.root == nil {
		return nil, found.err()
	}
	if node := child(doc.root, "include"); node != nil {
		var patterns []string
		d := &decoder{file: name, env: env, found: &found, nodes: new(int)}
		d.decode(node, "include", reflect.ValueOf(&patterns).Elem(), "")
		for i, pattern := range patterns {
			doc.include(pattern, dir, within(node, []string{index(i)}), &found)
		}
	}
	return doc, found.err()
}

// include parses the files that match the pattern.
func (doc *document) include(pattern, dir string, node *yaml.Node, found *mistakes) {
	if dir == "" {
		found.add(doc.name, node, "include", "the configuration that is part of the program cannot include files")
		return
	}
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	doc.patterns = append(doc.patterns, pattern)
	paths, err := filepath.Glob(pattern)
	if err != nil {
		found.add(doc.name, node, "include", "%s is no pattern of files", quoted(pattern))
		return
	}
	if len(paths) == 0 {
		found.add(doc.name, node, "include", "no file matches %s", pattern)
	}
	for _, path := range paths {
		doc.stamp += stampOf(path)
		text, err := readConfigFile(path)
		if err != nil {
			*found = append(*found, err.(mistakes)...) //nolint:errorlint // it returns nothing else
			continue
		}
		if root := parseYAML(path, text, found); root != nil {
			doc.included = append(doc.included, include{path, root})
		}
	}
}

// yamlLine is where the YAML library, which has no type for it, says that a
// syntax error is.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// offByOne are the errors of the library's parser, as opposed to its scanner,
// whose lines it counts from 0.
var offByOne = regexp.MustCompile(`^did not find expected (key|node content|<|'-'|',')`)

// tabbed returns the first line with a tab in its indentation from about where
// the library stumbles: it names that line, the one before it, or none. It
// returns 0 if the tab is not at fault.
func tabbed(text []byte, stumbled int) int {
	for i, line := range bytes.Split(text, []byte("\n")) {
		indentation := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if number := i + 1; number >= stumbled && number <= stumbled+1 && bytes.ContainsRune(indentation, '\t') {
			return number
		}
	}
	return 0
}

// parseYAML returns the top of a file's one YAML document, or nil if it is not
// right.
func parseYAML(name string, text []byte, found *mistakes) *yaml.Node {
	reader := yaml.NewDecoder(bytes.NewReader(text))
	var top, second yaml.Node
	switch err := reader.Decode(&top); {
	case errors.Is(err, io.EOF):
		found.add(name, nil, "", "the file is empty")
		return nil
	case err != nil:
		line := 0
		parts := yamlLine.FindStringSubmatch(err.Error())
		if parts == nil {
			parts = []string{"", "", "it cannot be read"}
		}
		if line, _ = strconv.Atoi(parts[1]); offByOne.MatchString(parts[2]) {
			line++
		}
		detail := parts[2]
		if at := tabbed(text, line); at > 0 {
			line, detail = at, "a tab stands in the indentation, where YAML takes spaces alone"
		}
		*found = append(*found, mistake{File: name, Line: line, Detail: "this is not YAML: " + detail})
		return nil
	}
	if err := reader.Decode(&second); !errors.Is(err, io.EOF) {
		found.add(name, &second, "", "a file holds one document; leave out what follows ---")
		return nil
	}
	return top.Content[0]
}

// read decodes a document for the given drivers. secret binds references to
// secrets; if it is nil they are checked for their form alone.
func (doc *document) read(drivers []Driver, env environment, secret binding) (*settings, error) {
	var found mistakes
	s := &settings{document: doc}
	d := &decoder{file: doc.name, env: env, secret: secret, found: &found, nodes: new(int), spelt: map[string]string{}}
	s.Service.setDefaults()
	d.decode(doc.root, "", reflect.ValueOf(&s.Config).Elem(), "")
	for _, file := range doc.included {
		var more included
		d.file = file.name
		d.decode(file.root, "", reflect.ValueOf(&more).Elem(), "")
		s.Collections = append(s.Collections, more.Collections...)
	}
	for i := range s.Collections {
		s.Collections[i].Value.completeCaching()
	}
	s.checkTypes(&found)
	s.choose(drivers, d)
	return s, found.err()
}

// included is what an included file may hold.
type included struct {
	Collections Named[Collection] `yaml:"collections"`
}

// choose picks the drivers of all ports.
func (s *settings) choose(drivers []Driver, d *decoder) {
	s.repository, _ = s.Repository.pick(drivers, "repository", d)
	if s.Cache.given() || s.Cache.sections != nil {
		s.cache, _ = s.Cache.pick(drivers, "cache", d)
	}
	if s.NearCache.given() || s.NearCache.sections != nil {
		s.nearCache, _ = s.NearCache.pick(drivers, "cache", d)
	}
	if s.Limit.given() || s.Limit.sections != nil {
		s.limit, _ = s.Limit.pick(drivers, "limit", d)
	}
	if s.Secrets.given() || s.Secrets.sections != nil {
		// A secret cannot be kept by what is not open yet.
		first := *d
		first.secret = func(secrets.Ref) (secrets.Value, string, error) {
			return nil, "", fault.New(fault.Invalid, "bootstrap.read", "the secrets port itself cannot refer to secrets")
		}
		s.secrets, _ = s.Secrets.pick(drivers, "secrets", &first)
	}
	if s.Keys.given() || s.Keys.sections != nil {
		s.keys, _ = s.Keys.pick(drivers, "keys", d)
	}
	for i := range s.Auth {
		driver, ok := s.Auth[i].pick(drivers, "auth", d)
		if ok {
			s.auth = append(s.auth, driver)
		}
	}
	if s.Mail.given() || s.Mail.sections != nil {
		s.mail, _ = s.Mail.pick(drivers, "mail", d)
	}
	for i := range s.Telemetry {
		driver, ok := s.Telemetry[i].pick(drivers, "telemetry", d)
		if ok {
			s.telemetry = append(s.telemetry, driver)
		}
	}
	twice(s.Telemetry, d)
}

// twice notes an observer that is chosen twice: it would count everything twice.
func twice(choices []Choice, d *decoder) {
	var names []string
	for _, choice := range choices {
		if choice.given() && slices.Contains(names, choice.Driver) {
			d.found.add(choice.file, choice.node, choice.path, "the driver %s is chosen twice", choice.Driver)
		}
		names = append(names, choice.Driver)
	}
}
