package bootstrap

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/adapters/layer"
	"github.com/portolan-io/portolan/core/envelope"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/schema"
	"github.com/portolan-io/portolan/ports/keys"
)

// openKeys opens the keys port, and returns what encrypts with it, nil if the configuration
// names none.
func openKeys(ctx context.Context, s *settings, opened *closers) (*envelope.Sealer, error) {
	if !s.Keys.given() {
		return nil, nil //nolint:nilnil // nothing is encrypted, and nothing is wrong
	}
	return lend(opened, "sealer "+s.keys.key(), func(own *closers) (*envelope.Sealer, error) {
		keeper, err := lendDriver[keys.Keeper](ctx, own, s.keys)
		if err != nil {
			return nil, err
		}
		used, err := usageOf(opened)
		return envelope.New(envelope.Config{Wrapper: layer.NoteKeys(keeper, used.of(s.keys.key()))}), err
	})
}

// checkKeys notes encrypted fields where there are no keys.
func (s *settings) checkKeys(entry *Entry[Collection], found *mistakes) {
	if s.Keys.given() {
		return
	}
	for _, field := range entry.Value.Fields {
		if field.Value.Encrypted {
			entry.note(found, []string{"fields", field.Name, "encrypted"}, "there are no keys to encrypt it with; write keys: {driver: local, local: {key: \"secret://field-key\"}}, for one")
		}
	}
}

func (p *program) encryptCommand() *cobra.Command {
	var collection string
	var dry bool
	command := &cobra.Command{
		Use:   "encrypt --collection C",
		Short: "Encrypt what is stored under the newest key",
		Long: `Encrypt store again what is not encrypted yet, of fields that have encrypted: true,
or not under the newest key. It may run while the server does, and may be stopped: run
again, it passes over what is done. When it is through, the old key is not needed any
more, but for backups.`,
		Example: "  portolan encrypt --collection patients --dry-run\n  portolan encrypt --collection patients",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c.Context(), func(ctx context.Context, s *served) error { return p.encrypt(ctx, s, collection, dry) })
		},
	}
	command.Flags().StringVar(&collection, "collection", "", "the collection whose records are encrypted")
	command.Flags().BoolVar(&dry, "dry-run", false, "only count what would be stored again")
	return require(command, "collection")
}

// encrypt has the records of the collection stored again that need it, and says how far
// that is.
func (p *program) encrypt(ctx context.Context, s *served, name string, dry bool) error {
	var c *schema.Collection
	var names []string
	for _, each := range s.api.Served() {
		if each.Schema.Base == nil {
			names = append(names, each.Schema.Name)
		}
		if each.Schema.Name == name {
			c = each.Schema
		}
	}
	if c == nil || c.Base != nil {
		return fault.New(fault.Invalid, "bootstrap.encrypt", "there is no collection called %s%s", name, unknown(name, "the collections", names))
	}
	pages := 0
	done, err := s.store.Reseal(ctx, c, dry, func(sofar layer.Resealed) {
		if pages++; pages%10 == 0 {
			fmt.Fprintf(p.err, "%s: %d records looked at, %d stored again\n", name, sofar.Records, sofar.Rewritten)
		}
	})
	if err != nil {
		fmt.Fprintf(p.err, "%s: stopped behind %d records; run it again to go on\n", name, done.Records)
		return err
	}
	if p.json {
		return p.printJSON(struct {
			Collection string `json:"collection"`
			DryRun     bool   `json:"dryRun"`
			Records    int64  `json:"records"`
			Plain      int64  `json:"plain"`
			Older      int64  `json:"older"`
			Rewritten  int64  `json:"rewritten"`
			Overtaken  int64  `json:"overtaken"`
		}{name, dry, done.Records, done.Plain, done.Older, done.Rewritten, done.Overtaken})
	}
	did := "were stored again"
	if dry {
		did = "would be stored again"
	}
	fmt.Fprintf(p.out, "%s: of %d records %d were not encrypted and %d were under an older key; %d %s\n",
		name, done.Records, done.Plain, done.Older, done.Rewritten, did)
	return nil
}
