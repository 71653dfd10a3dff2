package fault_test

import (
	"errors"
	"fmt"

	"github.com/portolan-io/portolan/core/fault"
)

func ExampleNew() {
	err := fault.New(fault.Stale, "memory.Apply", "the record has changed since it was read").
		Because(errors.New("revision 7, not 6"))
	fmt.Println(err) // for the log
	fmt.Println(errors.Is(fmt.Errorf("saving: %w", err), fault.Stale), err.Code, err.Detail)
	// Output:
	// memory.Apply: stale: the record has changed since it was read: revision 7, not 6
	// true stale the record has changed since it was read
}

func ExampleNearest() {
	fmt.Println(fault.Nearest("titel", []string{"price", "title"}))
	// Output: title
}
