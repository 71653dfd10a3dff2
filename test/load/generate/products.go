package main

import (
	"bufio"
	"math/rand/v2"
	"strconv"
)

// categories writes the 248 categories.
func (c catalogue) categories(to *bufio.Writer) outcome {
	to.WriteString("id,name\n")
	id := 0
	for _, department := range departments {
		for _, section := range sections {
			id++
			to.WriteString(strconv.Itoa(id) + "," + department + " " + section + "\n")
		}
	}
	return outcome{Rows: id, Loaded: id, Rejected: map[string]int{}}
}

// A product is one row, cell by cell as it is to be written.
type product struct {
	asin, title            string
	imgURL, productURL     string
	stars, reviews         string
	price, listPrice       string
	category, best, bought string
}

const productsHeader = "asin,title,imgUrl,productURL,stars,reviews,price,listPrice,category_id,isBestSeller,boughtInLastMonth"

// products writes the products, clean and dirty.
func (c catalogue) products(to *bufio.Writer) outcome {
	g := &generator{random: rand.New(rand.NewPCG(c.seed, 0)), seed: c.seed}
	d := &spoiler{random: rand.New(rand.NewPCG(c.seed, 1)), share: c.dirty}
	expected := outcome{Rows: c.rows, Rejected: map[string]int{}}
	if c.dirty > 0 {
		to.WriteString("\uFEFF")
	}
	to.WriteString(productsHeader + d.lineEnd())
	var line []byte
	for i := range c.rows {
		p := g.product(i)
		code := d.spoil(&p)
		if code == "" {
			expected.Loaded++
			d.remember(p.asin)
		} else {
			expected.Rejected[code]++
		}
		line = p.append(line[:0])
		to.Write(line)
		to.WriteString(d.lineEnd())
	}
	return expected
}

// append appends the row without its line end.
func (p *product) append(dst []byte) []byte {
	for i, cell := range [...]string{
		p.asin, p.title, p.imgURL, p.productURL, p.stars, p.reviews,
		p.price, p.listPrice, p.category, p.best, p.bought,
	} {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, cell...)
	}
	return dst
}

// A generator makes clean products.
type generator struct {
	random *rand.Rand
	seed   uint64
	text   []byte
}

func (g *generator) product(i int) product {
	p := product{asin: asin(uint64(i), g.seed)}
	categories := len(departments) * len(sections)
	// The square of a uniform number: some categories are large, most are small.
	share := g.random.Float64()
	category := int(share * share * float64(categories))
	p.title = g.title(category)
	p.imgURL = "https://images.example/I/" + g.letters(11) + "._AC_UL320_.jpg"
	p.productURL = "https://shop.example/dp/" + p.asin
	p.stars = g.stars()
	p.reviews = strconv.Itoa(g.skewed(20_000))
	cents := 99 + g.skewed(50_000)
	p.price = money(cents)
	p.listPrice = "0.00"
	if g.random.IntN(4) == 0 {
		p.listPrice = money(cents + cents*(1+g.random.IntN(6))/10)
	}
	p.category = strconv.Itoa(category + 1)
	p.best = "False"
	if g.random.IntN(160) == 0 {
		p.best = "True"
	}
	p.bought = bought[g.random.IntN(len(bought))]
	return p
}

// title makes a title of about a hundred characters, as sellers write them:
// quoted if it holds a comma, with inches as a doubled quote.
func (g *generator) title(category int) string {
	noun := g.pick(nouns) + " "
	if g.random.IntN(2) == 0 {
		noun += "for " + departments[category/len(sections)] + " "
	}
	text := append(g.text[:0], g.pick(brands)+" "+g.pick(adjectives)+" "+noun...)
	quoted := false
	for target := 75 + g.random.IntN(50); len(text) < target; {
		switch g.random.IntN(8) {
		case 0:
			text, quoted = append(text[:len(text)-1], ", "...), true
			text = append(text, g.pick(features)...)
		case 1:
			text, quoted = append(append(text, g.pick(sizes)...), `""`...), true
		case 2:
			text = append(append(text, '('), g.pick(colours)...)
			text = append(text, ')')
		default:
			text = append(append(text, "with "...), g.pick(features)...)
		}
		text = append(text, ' ')
	}
	g.text = text
	title := string(text[:len(text)-1])
	if quoted {
		return `"` + title + `"`
	}
	return title
}

func (g *generator) pick(words []string) string { return words[g.random.IntN(len(words))] }

func (g *generator) stars() string {
	if g.random.IntN(20) == 0 {
		return "0.0"
	}
	tenths := 50 - min(g.random.IntN(12), g.random.IntN(12)) - g.random.IntN(3)
	return strconv.Itoa(tenths/10) + "." + strconv.Itoa(tenths%10)
}

// skewed returns a number from 0 to most, small ones far more often.
func (g *generator) skewed(most int) int {
	share := g.random.Float64()
	return int(share * share * share * float64(most))
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func (g *generator) letters(n int) string {
	var text [16]byte
	for i, bits := 0, g.random.Uint64(); i < n; i++ {
		text[i] = alphabet[bits%36]
		bits /= 36
	}
	return string(text[:n])
}

// asin returns a different id for each i: multiplying by a number that has no
// factor in common with 36 permutes the numbers of eight digits.
func asin(i, seed uint64) string {
	const space = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36
	n := (i*2_654_435_761 + seed%space) % space
	text := [10]byte{'B', '0'}
	for at := 9; at > 1; at-- {
		text[at] = alphabet[n%36]
		n /= 36
	}
	return string(text[:])
}

// money writes cents with two digits behind the point.
func money(cents int) string {
	return strconv.Itoa(cents/100) + "." + string([]byte{byte('0' + cents/10%10), byte('0' + cents%10)})
}

// bought are the numbers that the data set has, none of them exact.
var bought = []string{"0", "0", "0", "50", "50", "100", "100", "200", "300", "400", "500", "700", "1000", "2000", "5000", "10000"}
