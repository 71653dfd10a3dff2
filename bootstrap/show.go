package bootstrap

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func (p *program) configCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration, or its JSON Schema",
		Args:  p.noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return wrongUsage(c, "a command is missing") },
	}
	var effective bool
	show := &cobra.Command{
		Use:   "show",
		Short: "Show the configuration with its secrets masked",
		Long: `Show the configuration as it is written, includes and all, with anything that
looks like a secret masked. With --effective it is shown as it counts: defaults
filled in, the environment put in, only the chosen drivers.`,
		Example: "  portolan config show --effective -c portolan.yaml",
		Args:    exactly(),
		RunE:    func(*cobra.Command, []string) error { return p.show(effective) },
	}
	show.Flags().BoolVar(&effective, "effective", false, "as it counts, rather than as it is written")
	schema := &cobra.Command{
		Use:     "schema",
		Short:   "Write the JSON Schema of configurations",
		Example: "  portolan config schema > portolan.schema.json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			if err := checkDrivers(p.drivers); err != nil {
				return err
			}
			return p.writeSchema()
		},
	}
	command.AddCommand(show, schema)
	return command
}

// show writes the configuration as YAML, or as JSON.
func (p *program) show(effective bool) error {
	s, err := p.readOffline()
	if err != nil {
		return err
	}
	nodes := s.document.masked()
	if effective {
		nodes = []*yaml.Node{s.effective()}
	}
	for _, node := range nodes {
		if err := p.showNode(node); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) showNode(node *yaml.Node) error {
	if p.json {
		var value any
		if err := node.Decode(&value); err != nil {
			return err
		}
		return p.printJSON(value)
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return err
	}
	_, err := fmt.Fprint(p.out, text.String())
	return err
}

// masked returns the files of the document with their secrets masked.
func (doc *document) masked() []*yaml.Node {
	nodes := []*yaml.Node{mask(doc.root, "")}
	for _, file := range doc.included {
		nodes = append(nodes, mask(file.root, ""))
	}
	return nodes
}
