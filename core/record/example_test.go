package record_test

import (
	"fmt"

	"github.com/portolan-io/portolan/core/record"
)

func ExampleCanonical() {
	text, err := record.Canonical([]byte(`{"b": 9007199254740993, "a": "\u00e9"}`))
	fmt.Println(text, err)
	_, err = record.Canonical([]byte(`{"a": {"b": 1, "b": 2}}`))
	fmt.Println(err)
	// Output:
	// {"a":"é","b":9007199254740993} <nil>
	// record.Reader: invalid: the key is there more than once (/a/b: the key is there more than once)
}

func ExampleEncoder() {
	e := record.NewEncoder([]string{"asin", "price", "stars"})
	row := record.AppendString(e.Key(nil, 0), "B07XJ8C8F5")
	row = record.AppendDecimal(e.Key(row, 1), 4990, 2)
	row = record.AppendValue(e.Key(row, 2), record.Null)
	fmt.Println(string(e.End(row)))
	// Output: {"asin":"B07XJ8C8F5","price":49.90,"stars":null}
}
