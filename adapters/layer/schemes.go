package layer

import (
	"maps"
	"slices"
	"strings"
)

// protocol begins the name of the server in the mode: instances of a version that
// uses it in another way end the mode, and neither trusts what the other keeps.
const protocol = "1 "

// A scheme is a collection with how its tags are made, as the mode has it:
// separated by a space.
type scheme string

// schemesOf returns the schemes of collections, in order.
func schemesOf(collections map[string]string) []scheme {
	var all []scheme
	for _, name := range slices.Sorted(maps.Keys(collections)) {
		all = append(all, scheme(name+" "+collections[name]))
	}
	return all
}

func (s scheme) name() string {
	return string(s[:max(0, strings.LastIndexByte(string(s), ' '))])
}

// united returns the schemes of this instance and those of a mode, in order.
func united(own []scheme, mode []string) []string {
	all := slices.Clone(mode)
	for _, s := range own {
		all = append(all, string(s))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// namesOf returns the names of the collections of a mode.
func namesOf(mode []string) []string {
	names := make([]string, len(mode))
	for i, text := range mode {
		names[i] = scheme(text).name()
	}
	return slices.Compact(names)
}

// A keeping says who keeps answers of a collection.
type keeping struct {
	here      bool // this instance, and all whose tags are made alike
	elsewhere bool // one whose tags are made otherwise, or that has a collection which this one does not keep
}

// keepings returns who keeps what of a mode, by the names of the collections.
func keepings(mode []string, own []scheme) map[string]keeping {
	kept := make(map[string]keeping)
	for _, text := range mode {
		k := kept[scheme(text).name()]
		if slices.Contains(own, scheme(text)) {
			k.here = true
		} else {
			k.elsewhere = true
		}
		kept[scheme(text).name()] = k
	}
	return kept
}
