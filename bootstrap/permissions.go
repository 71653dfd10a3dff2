package bootstrap

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/core"
	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/record"
	"github.com/portolan-io/portolan/core/schema"
)

// asked is whom and what permissions is about.
type asked struct {
	roles                []string
	collection, as, from string
}

func (p *program) permissionsCommand() *cobra.Command {
	var a asked
	command := &cobra.Command{
		Use:   "permissions --role R --collection C",
		Short: "Explain what a role may do with a collection",
		Long: `Explain what a caller with the given roles may do with a collection: each
action, the rows it may be done with, and the fields that are hidden or cannot be
written. Without --role it is about everybody; without --as the rows are told with
the names of the claims that they depend on. Nothing is opened.`,
		Example: `  portolan permissions --role seller --collection products --as claims.json
  portolan permissions --collection products --json`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error { return p.explain(a) },
	}
	command.Flags().StringSliceVar(&a.roles, "role", nil, "a role that the caller has; may be given more than once")
	command.Flags().StringVar(&a.collection, "collection", "", "the collection")
	command.Flags().StringVar(&a.as, "as", "", "a file with the caller's claims, a JSON object")
	command.Flags().StringVar(&a.from, "from", "", "the address that the caller comes from")
	return require(command, "collection")
}

// A decision is what one action comes to.
type decision struct {
	Action   string   `json:"action"`
	Allowed  bool     `json:"allowed"`
	Rows     string   `json:"rows,omitempty"` // the filter, or "all"
	Hidden   []string `json:"hidden,omitempty"`
	ReadOnly []string `json:"readOnly,omitempty"`
	Grants   []string `json:"grants,omitempty"` // the roles whose grants count
	Why      string   `json:"why"`
}

func (p *program) explain(a asked) error {
	s, err := p.offline()
	if err != nil {
		return err
	}
	served, err := s.collections()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(served, func(c core.Collection) bool { return c.Schema.Name == a.collection })
	if at < 0 {
		return s.noCollection(a.collection)
	}
	who, err := a.principal()
	if err != nil {
		return err
	}
	p.warnOfRoles(s, a.roles)
	decisions := make([]decision, 0, len(policy.Actions))
	for _, action := range policy.Actions {
		decisions = append(decisions, decide(served[at], who, action, a.as != ""))
	}
	if p.json {
		return p.printJSON(map[string]any{"collection": a.collection, "roles": append([]string{}, who.Roles...), "decisions": decisions})
	}
	for _, d := range decisions {
		d.print(p)
	}
	return nil
}

// noCollection is the error for a name that no collection has.
func (s *settings) noCollection(name string) error {
	return fault.New(fault.NotFound, "bootstrap.collection", "there is no collection called %s%s",
		name, unknown(name, "the collections", s.Collections.names()))
}

// principal returns the caller that the flags describe.
func (a asked) principal() (policy.Principal, error) {
	who := policy.Principal{Roles: a.roles}
	if len(a.roles) > 0 {
		who.Issuer, who.Subject = "cli", "somebody"
	}
	if a.from != "" {
		address, err := netip.ParseAddr(a.from)
		if err != nil {
			return who, fault.New(fault.Invalid, "bootstrap.permissions", "--from %s is no address", quoted(a.from))
		}
		who.Address = address
	}
	if a.as == "" {
		return who, nil
	}
	text, err := os.ReadFile(a.as)
	if err != nil {
		return who, fault.New(fault.Invalid, "bootstrap.permissions", "the claims in %s cannot be read", a.as).Because(err)
	}
	if err := json.Unmarshal(text, &who.Claims); err != nil {
		return who, fault.New(fault.Invalid, "bootstrap.permissions", "the claims in %s are no JSON object", a.as).Because(err)
	}
	who.Issuer, who.Subject = claim(who, "iss", "cli"), claim(who, "sub", "somebody")
	return who, nil
}

func claim(who policy.Principal, name, otherwise string) string {
	if text, ok := who.Claims[name].(string); ok && text != "" {
		return text
	}
	return otherwise
}

// decide says what an action comes to, and why. Unless the claims are known,
// whoever asks is taken to have those that the grants name.
func decide(c core.Collection, who policy.Principal, action policy.Action, claimsKnown bool) decision {
	d := decision{Action: action.String(), Why: "none of the caller's roles has a grant for it"}
	access, refusal := c.Access, "the grant of %s is not for the caller's address, or needs a claim that the caller lacks"
	if !claimsKnown {
		access, refusal = withoutClaims(c, action), "the grant of %s is not for the caller's address"
	}
	var rows []query.Expr
	for i, grant := range access {
		if grant.Where[action] == nil || !who.Has(grant.Role) {
			continue
		}
		// Alone, a grant of a role that the caller has gives nothing only if the
		// address or a claim is against it.
		if _, ok := (policy.Access{grant}).For(who, c.Schema, action); ok {
			d.Grants = append(d.Grants, grant.Role)
			rows = append(rows, *c.Access[i].Where[action])
		} else {
			d.Why = fmt.Sprintf(refusal, grant.Role)
		}
	}
	right, ok := access.For(who, c.Schema, action)
	if !ok {
		return d
	}
	d.Allowed, d.Rows = true, "all"
	d.Why = "granted to " + enumerate(d.Grants, "and")
	switch {
	case right.Where.Op == query.All:
	case claimsKnown:
		d.Rows = right.Where.Text(c.Schema)
	default:
		d.Rows = query.AnyOf(rows...).Text(c.Schema)
	}
	d.Hidden, d.ReadOnly = named(c.Schema, right.Hidden), named(c.Schema, right.ReadOnly)
	return d
}

// withoutClaims returns the access of c with the filters of the action that name
// claims replaced by one that names none, and leaves some rows as they do. It
// says which grants count, and which fields they show.
func withoutClaims(c core.Collection, action policy.Action) policy.Access {
	one := record.String("x")
	if c.Schema.IDField().Type == record.IntType {
		one = record.Int(1)
	}
	access := slices.Clone(c.Access)
	for i := range access {
		if where := access[i].Where[action]; where != nil && namesClaim(*where) {
			access[i].Where[action] = &query.Expr{Op: query.Eq, Field: c.Schema.ID, Values: []record.Value{one}}
		}
	}
	return access
}

func namesClaim(e query.Expr) bool { return e.Claim != "" || slices.ContainsFunc(e.Kids, namesClaim) }

// named returns the names of the fields that are marked.
func named(c *schema.Collection, marked []bool) []string {
	var names []string
	for i, on := range marked {
		if on {
			names = append(names, c.Fields[i].Name)
		}
	}
	return names
}

func (d decision) print(p *program) {
	if !d.Allowed {
		fmt.Fprintf(p.out, "%-7s no   %s\n", d.Action, d.Why)
		return
	}
	fmt.Fprintf(p.out, "%-7s yes  %s; rows: %s\n", d.Action, d.Why, d.Rows)
	if d.Hidden != nil {
		fmt.Fprintf(p.out, "             hidden: %s\n", strings.Join(d.Hidden, ", "))
	}
	if d.ReadOnly != nil && d.Action != "read" {
		fmt.Fprintf(p.out, "             not to be written: %s\n", strings.Join(d.ReadOnly, ", "))
	}
}
