package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

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

// encryptOptions are the flags of encrypt.
type encryptOptions struct {
	collection  string
	dry, verify bool
	leave       bool // what the files of the database keep of what was overwritten
}

func (p *program) encryptCommand() *cobra.Command {
	var o encryptOptions
	command := &cobra.Command{
		Use:   "encrypt --collection C",
		Short: "Encrypt what is stored under the newest key",
		Long: `Encrypt store again what is not encrypted yet, of fields that have encrypted: true,
or not under the newest key. It may run while the server does, and may be stopped: run
again, it passes over what is done. When it is through, the old key is not needed any
more, but for backups. Where the files of the database keep what was overwritten, as those
of SQLite do, it is taken out of them at the end. A value that does not open, because it is damaged or its key is
lost, is named and left as it is.`,
		Example: "  portolan encrypt --collection patients --dry-run\n  portolan encrypt --collection patients\n  portolan encrypt --collection patients --verify",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c.Context(), func(ctx context.Context, s *served) error { return p.encrypt(ctx, s, o) })
		},
	}
	command.Flags().StringVar(&o.collection, "collection", "", "the collection whose records are encrypted")
	command.Flags().BoolVar(&o.dry, "dry-run", false, "only count what would be stored again")
	command.Flags().BoolVar(&o.verify, "verify", false, "store nothing, but open every value, and count those under each key")
	command.Flags().BoolVar(&o.leave, "leave-freed", false, "leave in SQLite's files what was overwritten; to take it out holds up who writes")
	return require(command, "collection")
}

// sealedCollection returns the collection of the name, which is stored as itself.
func (s *served) sealedCollection(name string) (*schema.Collection, error) {
	var names []string
	for _, each := range s.api.Served() {
		if each.Schema.Base != nil {
			continue
		}
		if each.Schema.Name == name {
			return each.Schema, nil
		}
		names = append(names, each.Schema.Name)
	}
	return nil, fault.New(fault.Invalid, "bootstrap.encrypt", "there is no collection called %s%s", name, unknown(name, "the collections", names))
}

// maxUnopened is how many values that do not open are named.
const maxUnopened = 100

// encrypt has the records of the collection stored again that need it, and says how far
// that is.
func (p *program) encrypt(ctx context.Context, s *served, o encryptOptions) error {
	c, err := s.sealedCollection(o.collection)
	if err != nil {
		return err
	}
	pages, named := 0, 0
	done, err := s.store.Reseal(ctx, c, layer.Resealing{
		Dry: o.dry, Verify: o.verify,
		Told: func(sofar layer.Resealed) {
			if pages++; pages%10 == 0 {
				fmt.Fprintf(p.err, "%s: %d records looked at, %d stored again\n", c.Name, sofar.Records, sofar.Rewritten)
			}
		},
		Unopened: func(v layer.Unopened) {
			switch named++; {
			case named <= maxUnopened:
				fmt.Fprintf(p.err, "%s: record %s: %s does not open: %s\n", c.Name, strconv.Quote(string(v.ID)), v.Field, whyUnopened(v.Err))
			case named == maxUnopened+1:
				fmt.Fprintf(p.err, "%s: more values do not open, which are counted only\n", c.Name)
			}
		},
	})
	if err != nil {
		fmt.Fprintf(p.err, "%s: stopped behind %d records; run it again to go on\n", c.Name, done.Records)
		return err
	}
	if err = p.printResealed(o, done); err != nil {
		return err
	}
	if !o.dry && !o.verify && !o.leave {
		err = s.scrub(ctx)
	}
	if done.Damaged == 0 || ctx.Err() != nil {
		return err
	}
	if err != nil {
		p.report(err)
	}
	return fault.New(fault.Conflict, "bootstrap.encrypt", "of %d records of %s values do not open, and stay as they are", done.Damaged, c.Name).
		Hinting("name the key under keys that they were encrypted with, if there is one; else restore the records, give the fields another value with PATCH or PUT, or delete them")
}

// scrub takes out of the files of the database what was in clear, if they keep it. That is done whether
// or not anything was stored again: servers store again too, and an earlier run may have been stopped.
func (s *served) scrub(ctx context.Context) error {
	if s.tables.scrubber == nil {
		return nil
	}
	err := s.tables.scrubber.Scrub(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fault.New(fault.KindOf(err), "bootstrap.encrypt", "what could be is encrypted, but the files of the database still keep what was overwritten").
		Hinting("run it again when nobody reads or writes for long").Because(err)
}

// whyUnopened says what is known of a value that does not open.
func whyUnopened(err error) string {
	if why := fault.Of(err); why.Code == envelope.CodeUnavailable {
		var cause *fault.Error
		if errors.As(why.Cause, &cause) {
			return "its key cannot be had: " + cause.Detail
		}
		return "its key cannot be had"
	}
	return "it is not what was stored there, or the collection had another name, or the field another type"
}

// printResealed says what encrypt has done, or would have.
func (p *program) printResealed(o encryptOptions, done layer.Resealed) error {
	if p.json {
		return p.printJSON(struct {
			Collection string           `json:"collection"`
			DryRun     bool             `json:"dryRun"`
			Verify     bool             `json:"verify"`
			Records    int64            `json:"records"`
			Plain      int64            `json:"plain"`
			Older      int64            `json:"older"`
			Damaged    int64            `json:"damaged"`
			Rewritten  int64            `json:"rewritten"`
			Overtaken  int64            `json:"overtaken"`
			Clear      int64            `json:"valuesInClear"`
			Under      map[string]int64 `json:"valuesUnderKeys"`
			Unopened   int64            `json:"valuesUnopened"`
		}{o.collection, o.dry, o.verify, done.Records, done.Plain, done.Older, done.Damaged, done.Rewritten, done.Overtaken, done.Clear, done.Under, done.Unopened})
	}
	did, besides := "were stored again", ""
	if o.dry || o.verify {
		did = "would be stored again"
	}
	if done.Overtaken > 0 {
		besides = fmt.Sprintf("; %d were left to whoever wrote them meanwhile", done.Overtaken)
	}
	if done.Damaged > 0 {
		least := "at least "
		if o.verify {
			least = ""
		}
		besides += fmt.Sprintf("; %s%d have values that do not open", least, done.Damaged)
	}
	fmt.Fprintf(p.out, "%s: of %d records %d were not encrypted and %d were under an older key; %d %s%s\n",
		o.collection, done.Records, done.Plain, done.Older, done.Rewritten, did, besides)
	if !o.verify {
		return nil
	}
	fmt.Fprintf(p.out, "  %-40s %d\n", "values in clear", done.Clear)
	for _, key := range slices.Sorted(maps.Keys(done.Under)) {
		fmt.Fprintf(p.out, "  %-40s %d\n", "values under "+key, done.Under[key])
	}
	fmt.Fprintf(p.out, "  %-40s %d\n", "values that do not open", done.Unopened)
	return nil
}
