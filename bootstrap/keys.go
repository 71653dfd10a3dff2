package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/ports/auth"
)

// holder are the flags that say whom a credential stands for.
type holder struct {
	subject string
	roles   []string
	ttl     time.Duration
}

func (h *holder) flags(command *cobra.Command, ttl time.Duration, meaning string) {
	command.Flags().StringVar(&h.subject, "subject", "", "whom it stands for")
	command.Flags().StringSliceVar(&h.roles, "role", nil, "a role it has; may be given more than once")
	command.Flags().DurationVar(&h.ttl, "ttl", ttl, meaning)
}

func (p *program) keysCommand() *cobra.Command {
	keys := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys; issue tokens",
		Args:  p.noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return wrongUsage(c, "a command is missing") },
	}
	keys.AddCommand(p.keysCreateCommand(), p.keysListCommand(), p.keysRevokeCommand(), p.keysTokenCommand())
	return keys
}

func (p *program) keysCreateCommand() *cobra.Command {
	var h holder
	var name string
	command := &cobra.Command{
		Use:     "create --subject S --role R",
		Short:   "Make an API key and show it, this once",
		Example: "  portolan keys create --subject reports --role reader --ttl 2160h\n  curl -H \"X-API-Key: $KEY\" http://127.0.0.1:8080/v1/products",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c.Context(), func(ctx context.Context, s *served) error { return p.createKey(ctx, s, h, name) })
		},
	}
	h.flags(command, 0, "how long it is valid; 0 is until it is revoked")
	command.Flags().StringVar(&name, "name", "", "what it is for")
	return require(command, "subject")
}

func (p *program) createKey(ctx context.Context, s *served, h holder, name string) error {
	if err := s.mustLast(true, "an API key"); err != nil {
		return err
	}
	key := core.Key{Name: name, Subject: h.subject, Roles: h.roles}
	if h.ttl != 0 {
		key.Expires = time.Now().Add(h.ttl)
	}
	key, secret, err := s.api.CreateKey(ctx, operator(), key)
	if err != nil {
		return err
	}
	p.warnOfHolder(s.settings, "the key", h)
	if p.json {
		return p.printJSON(struct {
			core.Key
			Secret string `json:"key"`
		}{key, secret})
	}
	fmt.Fprintln(p.out, secret)
	fmt.Fprintf(p.err, "This is shown once. Revoke it with: portolan keys revoke %s\n", key.ID)
	return nil
}

func (p *program) keysListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the API keys, without what makes them keys",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(c.Context(), p.listKeys)
		},
	}
}

func (p *program) listKeys(ctx context.Context, s *served) error {
	keys, err := s.api.Keys(ctx, operator())
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(append([]core.Key{}, keys...)) // an empty list, not null
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSUBJECT\tROLES\tCREATED\tEXPIRES\tNAME")
	for _, key := range keys {
		expires := "never"
		if !key.Expires.IsZero() {
			expires = key.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
			key.ID, key.Subject, strings.Join(key.Roles, ","), key.Created.Format(time.RFC3339), expires, key.Name)
	}
	return table.Flush()
}

func (p *program) keysRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End an API key",
		Args:  exactly("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.with(c.Context(), func(ctx context.Context, s *served) error {
				revoke := func() error { return s.api.RevokeKey(ctx, operator(), args[0]) }
				if err := s.alone(ctx, revoke); err != nil {
					return err
				}
				fmt.Fprintf(p.err, "the key %s is revoked\n", args[0])
				return nil
			})
		},
	}
}

func (p *program) keysTokenCommand() *cobra.Command {
	var h holder
	command := &cobra.Command{
		Use:     "token --subject S --role R",
		Short:   "Issue a token that the local authenticator accepts",
		Example: "  portolan keys token --subject alice --role seller --ttl 1h",
		Args:    exactly(),
		RunE:    func(c *cobra.Command, _ []string) error { return p.issueToken(c.Context(), h) },
	}
	h.flags(command, time.Hour, "how long it is valid")
	return require(command, "subject")
}

func (p *program) issueToken(ctx context.Context, h holder) error {
	doc, err := p.document()
	if err != nil {
		return err
	}
	opened := &closers{}
	var token string
	err = p.wire(ctx, doc, opened, func(s *settings, authenticators []auth.Authenticator) (err error) {
		token, err = s.issue(ctx, authenticators, h)
		if err == nil {
			p.warnOfHolder(s, "the token", h)
		}
		return err
	})
	if err != nil {
		return err
	}
	if p.json {
		err = p.printJSON(map[string]string{"token": token})
	} else {
		fmt.Fprintln(p.out, token)
	}
	if closing := opened.close(ctx); err == nil {
		err = closing
	}
	return err
}

// issue lets the first authenticator that can issue a token.
func (s *settings) issue(ctx context.Context, authenticators []auth.Authenticator, h holder) (string, error) {
	for i, authenticator := range authenticators {
		issuing, ok := authenticator.(auth.Issuer)
		if !ok {
			continue
		}
		if s.auth[i].keyless() {
			return "", fault.New(fault.Refused, "bootstrap.issue", "the driver %s has no key to sign with but one that ends with each process", s.auth[i].name).
				Hinting("give it one with key: secret://signing-key; openssl genpkey -algorithm ed25519 makes it")
		}
		return issuing.Issue(ctx, policy.Principal{Subject: h.subject, Roles: h.roles}, h.ttl)
	}
	return "", fault.New(fault.Refused, "bootstrap.issue", "no authenticator of this configuration issues tokens").
		Hinting("add {driver: local} to auth")
}
