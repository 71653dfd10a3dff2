package bootstrap

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core"
)

func (p *program) usersCommand() *cobra.Command {
	users := &cobra.Command{
		Use:   "users",
		Short: "Make, list and change the accounts of people",
		Args:  p.noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return wrongUsage(c, "a command is missing") },
	}
	users.AddCommand(
		p.usersCreateCommand(), p.usersCodeCommand(), p.usersListCommand(), p.usersRolesCommand(),
		p.userCommand("disable", "Disable an account, which ends all its logins", func(ctx context.Context, a *core.Accounts, email string) (string, error) {
			_, err := a.SetDisabled(ctx, operator(), email, true)
			return "is disabled", err
		}),
		p.userCommand("enable", "Enable an account again", func(ctx context.Context, a *core.Accounts, email string) (string, error) {
			_, err := a.SetDisabled(ctx, operator(), email, false)
			return "is enabled", err
		}),
		p.userCommand("delete", "Delete an account, and end all its logins", func(ctx context.Context, a *core.Accounts, email string) (string, error) {
			return "is deleted", a.DeleteUser(ctx, operator(), email)
		}),
	)
	return users
}

func (p *program) usersCreateCommand() *cobra.Command {
	var roles []string
	command := &cobra.Command{
		Use:   "create EMAIL --role R",
		Short: "Make an account, and show the code with which its password is set",
		Example: `  portolan users create ann@example.com --role admin
  curl -H 'Content-Type: application/json' -d '{"code":"'$CODE'","new_password":"…"}' http://127.0.0.1:8080/v1/auth/password`,
		Args: exactly("EMAIL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccounts(c.Context(), func(ctx context.Context, s *served) error {
				p.warnOfHolder(s.settings, "the account", holder{roles: roles})
				made, code, err := s.accounts.CreateUser(ctx, operator(), args[0], roles)
				if err != nil {
					return err
				}
				return p.showCode(s, made.Email, code)
			})
		},
	}
	command.Flags().StringSliceVar(&roles, "role", nil, "a role it has; may be given more than once")
	return command
}

func (p *program) usersCodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "code EMAIL",
		Short:   "Show another code with which the password of an account is set",
		Example: "  portolan users code ann@example.com",
		Args:    exactly("EMAIL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccounts(c.Context(), func(ctx context.Context, s *served) error {
				code, err := s.accounts.IssueCode(ctx, operator(), args[0])
				if err != nil {
					return err
				}
				return p.showCode(s, args[0], code)
			})
		},
	}
}

// showCode writes a code, this once.
func (p *program) showCode(s *served, email, code string) error {
	if p.json {
		return p.printJSON(struct {
			Email   string    `json:"email"`
			Code    string    `json:"code"`
			Expires time.Time `json:"expires"`
		}{email, code, time.Now().Add(core.CodeFor).UTC().Truncate(time.Second)})
	}
	fmt.Fprintln(p.out, code)
	fmt.Fprintf(p.err, "This is shown once. Within %s it sets the password of %s, once: POST %s/auth/password {\"code\":…,\"new_password\":…}\n",
		core.CodeFor, email, s.settings.Service.Base)
	return nil
}

func (p *program) usersListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  portolan users list --json",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withAccounts(c.Context(), func(ctx context.Context, s *served) error {
				all, err := s.accounts.Users(ctx, operator())
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(all)
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "EMAIL\tROLES\tSTATE\tCREATED\tID")
				for _, each := range all {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", each.Email, strings.Join(each.Roles, ","), stateOf(each), each.Created.Format(time.RFC3339), each.ID)
				}
				return table.Flush()
			})
		},
	}
}

func stateOf(a core.Account) string {
	switch {
	case a.Disabled:
		return "disabled"
	case !a.Verified:
		return "unverified"
	}
	return "active"
}

func (p *program) usersRolesCommand() *cobra.Command {
	var roles []string
	command := p.userCommand("roles", "Give an account these roles and no others", func(ctx context.Context, a *core.Accounts, email string) (string, error) {
		_, err := a.SetRoles(ctx, operator(), email, roles)
		return "has the roles: " + strings.Join(roles, ", "), err
	})
	command.Use = "roles EMAIL --role R"
	command.Example = "  portolan users roles ann@example.com --role clerk --role seller\n  portolan users roles ann@example.com --role \"\""
	command.Flags().StringSliceVar(&roles, "role", nil, "a role it has; may be given more than once, and \"\" is none")
	return require(command, "role")
}

// userCommand returns a command that changes one account, and says what it is then.
func (p *program) userCommand(name, short string, change func(ctx context.Context, a *core.Accounts, email string) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " EMAIL",
		Short:   short,
		Example: "  portolan users " + name + " ann@example.com",
		Args:    exactly("EMAIL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccounts(c.Context(), func(ctx context.Context, s *served) error {
				return s.alone(ctx, func() error {
					is, err := change(ctx, s.accounts, args[0])
					if err == nil {
						fmt.Fprintf(p.err, "%s %s\n", args[0], is)
					}
					return err
				})
			})
		},
	}
}

// withAccounts does the task with the accounts that the configuration describes.
func (p *program) withAccounts(ctx context.Context, task func(context.Context, *served) error) error {
	return p.with(ctx, func(ctx context.Context, s *served) error {
		if err := s.mustHaveAccounts(); err != nil {
			return err
		}
		return task(ctx, s)
	})
}
