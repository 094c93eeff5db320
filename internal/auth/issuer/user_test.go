package issuer

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestGuessesAtOnceCountToo: fifty guesses that all wait to be checked are not
// fifty guesses.
func TestGuessesAtOnceCountToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newPeople(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range maxHashing {
			p.hashing <- struct{}{}
		}
		var checked atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := p.byPassword(t.Context(), time.Now(), attempt{name: "ada", address: "192.0.2.1"})
				var refused *refusal
				if errors.As(err, &refused) && refused.number == 50126 {
					checked.Add(1)
				}
			})
		}
		synctest.Wait() // until all wait for their turn
		for range maxHashing {
			<-p.hashing
		}
		all.Wait()
		if n := checked.Load(); n < maxPlaceFailures || n >= maxPlaceFailures+maxHashing {
			t.Errorf("%d passwords were checked; after %d failures none but those under way should be", n, maxPlaceFailures)
		}
	})
}
