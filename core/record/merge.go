package record

// A node is a part of canonical JSON: an object taken apart, or any other
// value as it is written.
type node struct {
	text    string
	object  bool
	members []member // sorted by key
}

type member struct {
	key string
	node
}

// MergePatch applies a JSON merge patch (RFC 7396) to target and returns the
// result. All three are canonical; an empty target is null. A result beyond the
// limits of [Reader] is refused.
func MergePatch(target, patch string) (string, error) {
	var old node
	if target != "" {
		old = readerOf(target).node()
	}
	merged := merge(old, readerOf(patch).node())
	result := string(merged.append(make([]byte, 0, len(target)+len(patch))))
	r := readerOf(result)
	r.Skip()
	return result, r.End()
}

// node consumes the next value.
func (r *Reader) node() node {
	if r.Peek() != ObjectKind {
		begin := r.pos
		r.Skip()
		return node{text: r.text[begin:r.pos]}
	}
	n := node{object: true}
	r.EnterObject()
	for key, ok := r.NextMember(); ok; key, ok = r.NextMember() {
		n.members = append(n.members, member{key, r.node()})
	}
	return n
}

// merge is MergePatch of RFC 7396, section 2, as a merge of two sorted lists.
func merge(target, patch node) node {
	if !patch.object {
		return patch
	}
	merged := node{object: true}
	old := target.members // none if target is no object
	for _, change := range patch.members {
		for len(old) > 0 && old[0].key < change.key {
			merged.members = append(merged.members, old[0])
			old = old[1:]
		}
		var before node
		if len(old) > 0 && old[0].key == change.key {
			before = old[0].node
			old = old[1:]
		}
		if change.text != "null" {
			merged.members = append(merged.members, member{change.key, merge(before, change.node)})
		}
	}
	merged.members = append(merged.members, old...)
	return merged
}

// append appends n as canonical JSON.
func (n node) append(dst []byte) []byte {
	if !n.object {
		return append(dst, n.text...)
	}
	dst = append(dst, '{')
	for i, m := range n.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, m.key), ':')
		dst = m.append(dst)
	}
	return append(dst, '}')
}
