package local

import "time"

// Impatient lets no password wait for its turn.
func (a *Authenticator) Impatient() { a.wait = time.Millisecond }

// Occupy takes n of the places in which passwords are hashed, until the returned
// function is called.
func (a *Authenticator) Occupy(n int) (free func()) {
	for range n {
		a.places <- struct{}{}
	}
	return func() {
		for range n {
			<-a.places
		}
	}
}
