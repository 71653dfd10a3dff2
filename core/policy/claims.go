package policy

import "strings"

// Claim returns the value of the claim of the given name, and false if p has
// none. "sub" and "iss" are the identity itself, whatever Claims hold. Another
// name is looked up as it is, and else as a path into objects: org.id is the id
// in the object org.
func (p Principal) Claim(name string) (any, bool) {
	switch name {
	case "sub":
		return p.Subject, p.Subject != ""
	case "iss":
		return p.Issuer, p.Issuer != ""
	}
	if v, ok := p.Claims[name]; ok {
		return v, true
	}
	var current any = p.Claims
	for part := range strings.SplitSeq(name, ".") {
		object, ok := current.(map[string]any)
		if !ok {
			return nil, false
		}
		if current, ok = object[part]; !ok {
			return nil, false
		}
	}
	return current, true
}
