package bootstrap

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Choice is the driver that a port is to have, with the sections of settings
// that are written beside it. Only the chosen driver's section is read, so the
// others may stay for another day.
type Choice struct {
	Driver string

	file     string
	path     string
	node     *yaml.Node
	sections map[string]section
}

type section struct{ key, value *yaml.Node }

// decodeNode reads the driver's name and keeps the sections for when it is known
// which drivers there are.
func (c *Choice) decodeNode(d *decoder, node *yaml.Node, path string) {
	*c = Choice{file: d.file, path: path, node: node, sections: make(map[string]section)}
	named := isNull(node)
	for key, value := range d.pairs(node, path) {
		if key.Value != "driver" {
			c.sections[key.Value] = section{key, value}
			continue
		}
		named = true
		d.decode(value, join(path, "driver"), reflect.ValueOf(&c.Driver).Elem(), "")
	}
	if node.Kind == yaml.MappingNode && !named {
		d.mistake(node, path, "driver is missing; name one, as in {driver: memory}")
	}
}

// given reports whether the configuration chooses anything.
func (c *Choice) given() bool { return c.Driver != "" }

// section returns the settings of the chosen driver; nothing written is an
// empty section.
func (c *Choice) section() *yaml.Node {
	if s, ok := c.sections[c.Driver]; ok {
		return s.value
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: c.node.Line}
}

// pick returns the driver that is chosen for the port, having noted whatever is
// wrong with the choice and with the settings.
func (c *Choice) pick(drivers []Driver, port string, d *decoder) (Driver, bool) {
	within := *d
	within.file = c.file
	names := namesOf(drivers, port)
	for _, name := range slices.Sorted(maps.Keys(c.sections)) {
		if s := c.sections[name]; !slices.Contains(names, name) {
			within.mistake(s.key, c.path, "there is no driver called %s for the port %s%s", name, port, unknown(name, "the drivers", names))
		}
	}
	for _, driver := range drivers {
		if driver.port == port && driver.name == c.Driver {
			settings := reflect.New(driver.config)
			within.decode(c.section(), join(c.path, c.Driver), settings.Elem(), "")
			driver.settings = settings.Elem()
			driver.written = within.written(c.section(), driver.settings)
			return driver, true
		}
	}
	if _, noted := c.sections[c.Driver]; c.given() && !noted {
		within.mistake(child(c.node, "driver"), c.path, "there is no driver called %s for the port %s%s", c.Driver, port, unknown(c.Driver, "the drivers", names))
	}
	return Driver{}, false
}

// namesOf returns the names of the port's drivers, in alphabetical order.
func namesOf(drivers []Driver, port string) []string {
	var names []string
	for _, driver := range drivers {
		if driver.port == port {
			names = append(names, driver.name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
