package provider

import "context"

type progressKey struct{}

// WithProgress returns a context whose calls tell heard of each answer, as
// those of net/http/httptrace tell of connections. heard is called from any
// goroutine and returns at once.
func WithProgress(ctx context.Context, heard func()) context.Context {
	return context.WithValue(ctx, progressKey{}, heard)
}

// Progress tells whoever waits for a sign of life on ctx that there was one.
func Progress(ctx context.Context) {
	if heard, ok := ctx.Value(progressKey{}).(func()); ok {
		heard()
	}
}
