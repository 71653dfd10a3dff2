package main

import (
	"math/rand/v2"
	"strings"
)

// A spoiler makes rows dirty.
type spoiler struct {
	random *rand.Rand
	share  float64 // of rows that are spoilt
	recent []string
	next   int // where in recent the next id goes
}

// spoil makes the row dirty, or leaves it as it is. It returns the code with
// which an import must reject the row, or nothing.
func (s *spoiler) spoil(p *product) (code string) {
	if s.share == 0 || s.random.Float64() >= s.share {
		return ""
	}
	switch s.random.IntN(12) {
	case 0:
		p.title = ""
		return "required"
	case 1:
		p.category = ""
		return "required"
	case 2:
		p.price, p.listPrice = "", "" // may be null
		return ""
	case 3:
		p.stars = "  " // so may this, and white space is nothing
		return ""
	case 4:
		p.imgURL = "not a url"
		return "bad-format"
	case 5:
		p.productURL = "//shop.example/dp/" + p.asin
		return "bad-format"
	case 6:
		p.price = "-" + p.price
		return "out-of-range"
	case 7:
		p.stars = "7"
		return "out-of-range"
	case 8:
		if len(s.recent) == 0 {
			return ""
		}
		p.asin = s.recent[s.random.IntN(len(s.recent))]
		return "duplicate-id"
	case 9:
		p.category = "9999"
		return "reference-missing"
	case 10:
		p.title = `"` + strings.Trim(p.title, `"`) // does not end
		return "broken-quote"
	default:
		p.title = `27" ` + strings.ReplaceAll(strings.Trim(p.title, `"`), ",", "") // stands where none may
		return "broken-quote"
	}
}

// remembered is how many ids duplicates are chosen among.
const remembered = 1000

// remember keeps the id of a row that loads, for duplicates of it.
func (s *spoiler) remember(asin string) {
	if s.share == 0 {
		return
	}
	if len(s.recent) < remembered {
		s.recent = append(s.recent, asin)
		return
	}
	s.recent[s.next] = asin
	s.next = (s.next + 1) % remembered
}

// lineEnd returns what ends a line: mostly a line feed, if anything is dirty.
func (s *spoiler) lineEnd() string {
	if s.share > 0 {
		switch s.random.IntN(20) {
		case 0:
			return "\r\n"
		case 1:
			return "\r"
		}
	}
	return "\n"
}
