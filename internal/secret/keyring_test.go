package secret_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"cloudpki/internal/secret"
)

// keys is a DataKeys in memory; the real one is examined by storetest.
type keys struct {
	mu   sync.Mutex
	rows map[string][]secret.WrappedKey
}

func (k *keys) CurrentKey(_ context.Context, tenant string) (secret.WrappedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if rows := k.rows[tenant]; len(rows) > 0 {
		return rows[len(rows)-1], nil
	}
	return secret.WrappedKey{}, secret.ErrNoDataKey
}

func (k *keys) Key(_ context.Context, tenant string, id [16]byte) (secret.WrappedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range k.rows[tenant] {
		if row.ID == id {
			return row, nil
		}
	}
	return secret.WrappedKey{}, secret.ErrNoDataKey
}

func (k *keys) AddFirstKey(ctx context.Context, tenant string, key secret.WrappedKey) (secret.WrappedKey, error) {
	if row, err := k.CurrentKey(ctx, tenant); err == nil {
		return row, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows[tenant] = append(k.rows[tenant], key)
	return key, nil
}

func newRoot(t testing.TB) *secret.Root {
	t.Helper()
	root, err := secret.CreateRoot(filepath.Join(t.TempDir(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func newRing(t testing.TB) (*secret.Keyring, *keys) {
	store := &keys{rows: map[string][]secret.WrappedKey{}}
	return secret.NewKeyring(newRoot(t), store), store
}

func TestSealedOpensInItsPlaceOnly(t *testing.T) {
	ring, _ := newRing(t)
	object, wrapped, err := ring.NewObject(t.Context(), "tenant-a", "subscription/1")
	if err != nil {
		t.Fatal(err)
	}
	sealed := object.Seal("adminPassword", secret.NewString("hunter2"))
	again := object.Seal("adminPassword", secret.NewString("hunter2"))
	if slices.Equal(sealed, again) {
		t.Error("the same text was sealed twice to the same bytes: a nonce repeats")
	}
	if _, _, err := ring.NewObject(t.Context(), "tenant-b", "subscription/1"); err != nil {
		t.Fatal(err)
	}

	reopened, err := ring.OpenObject(t.Context(), "tenant-a", "subscription/1", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	text, err := reopened.Open("adminPassword", sealed)
	if err != nil || string(text.Reveal()) != "hunter2" {
		t.Fatalf("Open = %q, %v", text.Reveal(), err)
	}

	for name, open := range map[string]func() error{
		"another field": func() error { _, err := reopened.Open("authenticationCertificatePassword", sealed); return err },
		"another row's key": func() error {
			other, _, err := ring.NewObject(t.Context(), "tenant-a", "subscription/2")
			if err != nil {
				return err
			}
			_, err = other.Open("adminPassword", sealed)
			return err
		},
		"key moved to another row": func() error {
			_, err := ring.OpenObject(t.Context(), "tenant-a", "subscription/2", wrapped)
			return err
		},
		"key moved to another tenant": func() error {
			_, err := ring.OpenObject(t.Context(), "tenant-b", "subscription/1", wrapped)
			return err
		},
		"parts that join to the same text": func() error {
			_, err := ring.OpenObject(t.Context(), "tenant-a", "subscription/", append(slices.Clone(wrapped), '1'))
			return err
		},
		"empty, not nil": func() error { _, err := reopened.Open("adminPassword", secret.Sealed{}); return err },
	} {
		if err := open(); !errors.Is(err, secret.ErrUnopenable) {
			t.Errorf("%s: err = %v, want ErrUnopenable", name, err)
		}
	}
}

// Any flipped bit and any cut is noticed.
func TestDamageIsNoticed(t *testing.T) {
	ring, _ := newRing(t)
	object, _, err := ring.NewObject(t.Context(), "t", "e")
	if err != nil {
		t.Fatal(err)
	}
	sealed := object.Seal("f", secret.NewString("text"))
	for i := range len(sealed) * 8 {
		bad := slices.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := object.Open("f", bad); !errors.Is(err, secret.ErrUnopenable) {
			t.Fatalf("bit %d flipped: err = %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := object.Open("f", sealed[:n]); !errors.Is(err, secret.ErrUnopenable) {
			t.Fatalf("cut to %d bytes: err = %v", n, err)
		}
	}
}

func TestNothingSealedIsNothing(t *testing.T) {
	ring, _ := newRing(t)
	object, _, err := ring.NewObject(t.Context(), "t", "e")
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.Open("f", nil)
	if err != nil || !text.IsEmpty() {
		t.Errorf("Open(nil) = %v, %v", text, err)
	}
	empty, err := object.Open("f", object.Seal("f", secret.NewString("")))
	if err != nil || !empty.IsEmpty() {
		t.Errorf("an empty text comes back as %v, %v", empty, err)
	}
}

// Without its tenant's key a ciphertext is lost: that is how a tenant is shredded.
func TestMissingKeys(t *testing.T) {
	ring, store := newRing(t)
	_, wrapped, err := ring.NewObject(t.Context(), "t", "e")
	if err != nil {
		t.Fatal(err)
	}
	for name, fresh := range map[string]*secret.Keyring{
		"another root key":     secret.NewKeyring(newRoot(t), store),
		"no key of the tenant": secret.NewKeyring(newRoot(t), &keys{rows: map[string][]secret.WrappedKey{}}),
	} {
		if _, err := fresh.OpenObject(t.Context(), "t", "e", wrapped); !errors.Is(err, secret.ErrUnopenable) {
			t.Errorf("%s: err = %v, want ErrUnopenable", name, err)
		}
	}
}

func TestOneFirstKeyAmongMany(t *testing.T) {
	ring, store := newRing(t)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if _, _, err := ring.NewObject(t.Context(), "t", "e"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, row := range store.rows["t"] {
		if _, err := store.Key(t.Context(), "t", row.ID); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	ring, _ := newRing(b)
	text := secret.New(make([]byte, 400))
	b.ReportAllocs()
	for b.Loop() {
		object, wrapped, err := ring.NewObject(b.Context(), "t", "e")
		if err != nil {
			b.Fatal(err)
		}
		sealed := object.Seal("f", text)
		if object, err = ring.OpenObject(b.Context(), "t", "e", wrapped); err != nil {
			b.Fatal(err)
		}
		if _, err := object.Open("f", sealed); err != nil {
			b.Fatal(err)
		}
	}
}
