package policy

import (
	"net/netip"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/query"
	"github.com/portolan-io/portolan/core/schema"
)

// A RuleSpec is the permission for one action as a configuration writes it.
type RuleSpec struct {
	Where string // the rows it may be done with; empty is every row
}

// A GrantSpec is what one role may do as a configuration writes it. [Compile]
// checks it.
type GrantSpec struct {
	Role                         string
	Read, Create, Update, Delete *RuleSpec // nil is not allowed
	Hide                         []string  // fields not to be seen
	ReadOnly                     []string  // fields not to be written
	Writable                     []string  // the only fields to be written beside the id; nil is all but ReadOnly
	AllowFrom                    []string  // addresses and prefixes, "10.0.0.0/8"; empty is everywhere
}

// Compile returns the access to c that the specs describe. It returns
// fault.Invalid with a Place for each thing wrong; a pointer is of the form
// access/seller/update/where.
func Compile(c *schema.Collection, specs []GrantSpec) (Access, error) {
	compiler := compiler{collection: c}
	access := make(Access, 0, len(specs))
	seen := make(map[string]bool, len(specs))
	for _, spec := range specs {
		at := "access/" + spec.Role
		switch {
		case strings.TrimSpace(spec.Role) == "" || strings.ContainsAny(spec.Role, " \t\r\n/,"):
			compiler.wrong(at, "bad-role", "a role has a name without spaces, commas and slashes")
		case seen[spec.Role]:
			compiler.wrong(at, "twice", "the role "+spec.Role+" is there twice")
		}
		seen[spec.Role] = true
		access = append(access, compiler.grant(at, spec))
	}
	if len(compiler.places) > 0 {
		return nil, fault.New(fault.Invalid, "policy.Compile", "the access of %s has %d mistakes", c.Name, len(compiler.places)).
			Coded("bad-access").At(compiler.places...)
	}
	return access, nil
}

// A compiler gathers all mistakes, so that they can be mended at once.
type compiler struct {
	collection *schema.Collection
	places     []fault.Place
}

func (k *compiler) wrong(pointer, code, detail string) {
	k.places = append(k.places, fault.Place{Pointer: pointer, Code: code, Detail: detail})
}

func (k *compiler) grant(at string, spec GrantSpec) Grant {
	g := Grant{
		Role:      spec.Role,
		Hide:      k.fields(at+"/hide", spec.Hide),
		ReadOnly:  k.readOnly(at, spec),
		AllowFrom: k.prefixes(at+"/allow_from", spec.AllowFrom),
	}
	if g.Hide[k.collection.ID] {
		k.wrong(at+"/hide", "bad-field", "the id cannot be hidden, because records are addressed by it")
	}
	allowed := false
	for action, rule := range [...]*RuleSpec{Read: spec.Read, Create: spec.Create, Update: spec.Update, Delete: spec.Delete} {
		if rule != nil {
			g.Where[action] = k.where(at+"/"+Action(action).String()+"/where", rule.Where)
			allowed = true
		}
	}
	if !allowed {
		k.wrong(at, "no-action", "the role may do nothing; grant it read, create, update or delete, or leave it out")
	}
	return g
}

// readOnly returns by position whether the field is not to be written: because it is
// named so, or because others alone are named as writable. Records are addressed by
// their id, so that is writable unless it is named.
func (k *compiler) readOnly(at string, spec GrantSpec) []bool {
	readOnly := k.fields(at+"/readonly", spec.ReadOnly)
	if spec.Writable == nil {
		return readOnly
	}
	if len(spec.ReadOnly) > 0 {
		k.wrong(at+"/writable", "twice", "what may be written is told by writable or by read_only, not by both")
	}
	for position, writable := range k.fields(at+"/writable", spec.Writable) {
		readOnly[position] = !writable && position != k.collection.ID
	}
	return readOnly
}

// where parses a row filter, which may speak of hidden fields and of claims.
func (k *compiler) where(at, text string) *query.Expr {
	e, err := query.Parse(text, query.Names{Collection: k.collection, Claims: true}, query.MaxBodyBytes)
	if err != nil {
		wrong := fault.Of(err)
		detail := wrong.Detail
		if wrong.Hint != "" {
			detail += "; " + wrong.Hint
		}
		k.wrong(at, wrong.Code, detail)
	}
	return &e
}

// fields returns by position whether the field is among names.
func (k *compiler) fields(at string, names []string) []bool {
	set := make([]bool, len(k.collection.Fields))
	for _, name := range names {
		position, ok := k.collection.Position(name)
		if !ok {
			missing := fault.New(fault.Invalid, "policy.Compile", "there is no field %s", name)
			k.wrong(at, "unknown-field", missing.Detail+"; "+query.Names{Collection: k.collection}.Unknown(missing, name).Hint)
			continue
		}
		set[position] = true
	}
	return set
}

func (k *compiler) prefixes(at string, texts []string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
		}
		if err != nil {
			k.wrong(at, "bad-prefix", text+" is neither an address nor a prefix such as 10.0.0.0/8")
			continue
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes
}
