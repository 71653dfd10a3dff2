package bootstrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/configs"
)

// defaultConfig is the configuration in the working directory that is used
// unless --config names another.
const defaultConfig = "portolan.yaml"

// embeddedConfig is used if there is none.
const embeddedConfig = "local.yaml"

// root returns the command line.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "portolan",
		Short: "Portolan serves collections of records as a data API.",
		Long: `Portolan serves collections of records as a secure, documented data API.

Without a command it serves: what portolan.yaml in the working directory
describes or, if there is none, a sample catalogue in memory.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 an import finished
with rejected rows.`,
		Example: `  portolan                                  # the sample, in memory
  portolan init --profile sqlite            # a configuration to begin with
  portolan import products.csv --into products
  portolan serve -c portolan.yaml`,
		Args:          p.noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return p.serve(c.Context()) },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&p.configPath, "config", "c", "", "the configuration; without it ./portolan.yaml, else the sample's")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "write data as JSON")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wrongUsage(c, err.Error()) })
	root.AddCommand(
		p.serveCommand(), p.initCommand(), p.validateCommand(), p.importCommand(), p.exportCommand(), p.encryptCommand(),
		p.openapiCommand(), p.configCommand(), p.permissionsCommand(), p.keysCommand(), p.usersCommand(),
		p.contractCommand(), p.healthcheckCommand(), p.versionCommand(),
	)
	return root
}

// noCommand refuses words that are no command, and says what was meant.
func (p *program) noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, command := range c.Commands() {
		if command.IsAvailableCommand() {
			names = append(names, command.Name())
		}
	}
	return wrongUsage(c, fmt.Sprintf("there is no command %s%s", args[0], unknown(args[0], "the commands", names)))
}

// wrongUsage returns the error for a command line that is not understood.
func wrongUsage(c *cobra.Command, sentence string) error {
	return &exitError{exitUsage, fmt.Errorf("%s\n  %s --help tells how it is used", sentence, c.CommandPath())}
}

// exactly returns what checks that a command gets the arguments of the given
// names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return wrongUsage(c, fmt.Sprintf("%s is missing", strings.Join(names[len(args):], " ")))
		case len(args) > len(names):
			return wrongUsage(c, fmt.Sprintf("%q is one argument too many", args[len(names)]))
		}
		return nil
	}
}

// require marks flags that a command cannot do without, and refuses the command
// with a sentence where cobra would name them its own way.
func require(command *cobra.Command, flags ...string) *cobra.Command {
	run := command.RunE
	command.RunE = func(c *cobra.Command, args []string) error {
		for _, name := range flags {
			if !c.Flags().Changed(name) {
				return wrongUsage(c, "--"+name+" is missing")
			}
		}
		return run(c, args)
	}
	return command
}

// document reads the configuration that the command line chooses.
func (p *program) document() (*document, error) {
	path := p.configPath
	if path == "" {
		switch _, err := os.Stat(defaultConfig); {
		case err == nil:
			path = defaultConfig
			p.configPath = path // from now on: it is not another one because this one is gone
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if path != "" {
		return readDocument(path, p.env)
	}
	text, err := configs.Files.ReadFile(embeddedConfig)
	if err != nil {
		return nil, err
	}
	return parseDocument("configs/"+embeddedConfig, text, p.env, "")
}

// offline reads the configuration without opening anything, and returns it if
// it is right as far as that can tell.
func (p *program) offline() (*settings, error) {
	s, err := p.readOffline()
	if err != nil {
		return nil, err
	}
	_, err = s.collections()
	return s, err
}

// printJSON writes a value as indented JSON.
func (p *program) printJSON(value any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the API",
		Long: `Serve the API until interrupted. A first interrupt stops in good order within
9 seconds: not ready at once, accepting for service.drain_delay, then finishing
what is being answered. A second one stops at once.`,
		Example: "  portolan serve\n  PORT=9000 portolan serve -c portolan.yaml",
		Args:    exactly(),
		RunE:    func(c *cobra.Command, _ []string) error { return p.serve(c.Context()) },
	}
}
