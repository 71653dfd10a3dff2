package bootstrap

import (
	"slices"
	"strings"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/core/policy"
	"github.com/portolan-io/portolan/core/schema"
)

// compileAccess compiles the grants, each by itself so that a mistake is noted
// where it stands.
func compileAccess(entry *Entry[Collection], c *schema.Collection, found *mistakes) policy.Access {
	var access policy.Access
	for _, grant := range entry.Value.Access {
		if node := child(grant.node, "writable"); node != nil && isNull(node) { // which elsewhere is as if it were not there
			found.add(entry.file, node, "collections."+entry.Name+".access."+grant.Name+".writable", "name the fields that may be written, or [] for none")
			continue
		}
		compiled, err := policy.Compile(c, []policy.GrantSpec{grant.Value.spec(grant.Name)})
		if err != nil {
			path := "collections." + entry.Name + ".access." + grant.Name
			var noted []string // a rule for several actions is wrong for each of them
			for _, place := range fault.Of(err).Places {
				keys := grant.Value.asWritten(grantKeys(place.Pointer, grant.Name))
				at := join(path, strings.Join(keys, "."))
				if once := at + ": " + place.Detail; !slices.Contains(noted, once) {
					noted = append(noted, once)
					found.add(entry.file, within(grant.node, keys), at, "%s", place.Detail)
				}
			}
			if len(fault.Of(err).Places) == 0 {
				found.add(entry.file, grant.node, path, "%s", fault.Of(err).Detail)
			}
			continue
		}
		access = append(access, compiled...)
	}
	return access
}

// checkReferences notes references to collections that are not there, or whose
// ids are of another type.
func checkReferences(entry Entry[Collection], compiled map[string]*schema.Collection, names []string, found *mistakes) {
	for _, field := range entry.Value.Fields {
		target := field.Value.References
		if target == "" {
			continue
		}
		path := "collections." + entry.Name + ".fields." + field.Name + ".references"
		node := within(field.node, []string{"references"})
		if !slices.Contains(names, target) {
			found.add(entry.file, node, path, "there is no collection called %s%s", target, unknown(target, "the collections", names))
			continue
		}
		c := compiled[target]
		if c != nil && c.Base != nil {
			found.add(entry.file, node, path, "%s is a view, whose records are those of %s; write that", target, c.Base.Name)
			continue
		}
		if c != nil && c.IDField().Type.String() != field.Value.Type {
			found.add(entry.file, node, path, "the field is of type %s, but the id of %s is of type %s",
				field.Value.Type, target, c.IDField().Type)
		}
	}
}

// asWritten returns the keys below a grant with the first as the configuration
// has it: what is said of an action may be written as write or all.
func (g *Grant) asWritten(keys []string) []string {
	if len(keys) == 0 {
		return keys
	}
	own := map[string]*Rule{"read": g.Read, "create": g.Create, "update": g.Update, "delete": g.Delete}
	rule, isAction := own[keys[0]]
	switch {
	case keys[0] == "readonly":
		return append([]string{"read_only"}, keys[1:]...)
	case !isAction || rule != nil:
		return keys
	case keys[0] != "read" && g.Write != nil:
		return append([]string{"write"}, keys[1:]...)
	}
	return append([]string{"all"}, keys[1:]...)
}

// grantKeys returns the keys, below a grant, that the pointer of a mistake
// leads to.
func grantKeys(pointer, role string) []string {
	keys := strings.Split(strings.Trim(pointer, "/"), "/")
	if len(keys) > 0 && keys[0] == "access" {
		keys = keys[1:]
	}
	if len(keys) > 0 && keys[0] == role {
		keys = keys[1:]
	}
	return keys
}
