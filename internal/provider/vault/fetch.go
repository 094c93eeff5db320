package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// parallel is how many certificates are fetched at a time.
const parallel = 4

// fetched is the answer to a GET of one certificate.
type fetched struct {
	body    []byte
	gone    bool   // the server has none of that serial number
	refused string // what the server says of one that it cannot read itself
}

// fetch gets the certificates with the given keys, in their order, a few at a
// time. It waits for all its calls; the first that fails ends the others and is
// the error. Answers are not read here: what upsets a parser must not do so in
// a goroutine whose panic nobody takes.
func (s *session) fetch(ctx context.Context, keys []string) ([]fetched, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		out    = make([]fetched, len(keys))
		next   atomic.Int64
		failed sync.Once
		first  error
		calls  sync.WaitGroup
	)
	for range min(parallel, len(keys)) {
		calls.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(keys)); i = next.Add(1) - 1 {
				var err error
				if out[i], err = s.fetchOne(ctx, keys[i]); err != nil {
					failed.Do(func() { first = err })
					stop()
					return
				}
			}
		})
	}
	calls.Wait()
	return out, first
}

func (s *session) fetchOne(ctx context.Context, key string) (fetched, error) {
	a, err := s.rest.Do(ctx, rest.Request{Path: s.at("cert/" + url.PathEscape(key))})
	var said *reply
	switch {
	case err == nil:
		return fetched{body: a.Body}, nil
	case isNothing(err):
		return fetched{gone: true}, nil
	case errors.As(err, &said) && said.status == http.StatusBadRequest && !isCredentialFault(err):
		return fetched{refused: said.text()}, nil
	default:
		return fetched{}, s.aboutMount(err)
	}
}

func isCredentialFault(err error) bool {
	var e *provider.Error
	return errors.As(err, &e) && e.Code == provider.CodeCredentialInvalid
}
