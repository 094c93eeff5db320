package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
)

const (
	// publishAhead is how long a key is listed before it signs, so that
	// whoever keeps a copy of the list has it by then.
	publishAhead = 24 * time.Hour

	// rotateSoon is the same where an operator wants a new key at once: longer
	// than the documents may be cached and replicas take to look.
	rotateSoon = 10 * time.Minute

	lookAgain = time.Minute

	// fromLayout is the time from which a key signs, in the name of its file.
	fromLayout = "20060102T150405Z"
)

// A Rotation says where keys are kept and when they are replaced. The first
// stands in Path; each later one beside it, under the same name with the time
// from which it signs: "issuer.key.20270220T120000Z". Replicas that share the
// folder agree on the keys by these names.
type Rotation struct {
	Path     string
	Lifetime time.Duration // of a key; 0 for ever
	Token    time.Duration // lifetime of a token
	Now      func() time.Time
	Log      *slog.Logger
}

// retain is how long a key stays listed once another signs.
func (r Rotation) retain() time.Duration { return r.Token + auth.MaxSkew + lookAgain }

// OpenKeys reads the keys, and makes the first where there is none. Run looks
// after them from then on.
func OpenKeys(r Rotation) (*KeySet, error) {
	if _, err := LoadOrCreateKey(r.Path); err != nil {
		return nil, err
	}
	r.Token = cmp.Or(r.Token, defaultLifetime)
	s := &KeySet{rotation: r}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// Run reads the folder every minute, makes the next key a day before it is
// due, and removes the files of keys that nobody needs any more. It returns
// when ctx ends, with its error.
func (s *KeySet) Run(ctx context.Context) error {
	for {
		wait := lookAgain
		if err := s.turn(); err != nil {
			wait = 10 * lookAgain
			s.rotation.Log.LogAttrs(ctx, slog.LevelError, "cannot look after the issuer's keys; those at hand stay", slog.Any("error", err))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turn is one look at the folder.
func (s *KeySet) turn() error {
	if err := s.load(); err != nil {
		return err
	}
	r := s.rotation
	now := r.Now()
	s.mu.RLock()
	newest := s.keys[0]
	s.mu.RUnlock()
	if due := newest.made.Add(r.Lifetime - publishAhead); r.Lifetime > 0 && !now.Before(due) {
		// On the hour, so that replicas make the same name, and one of them the file.
		from := now.Add(publishAhead + time.Hour).Truncate(time.Hour)
		if err := addKey(r.Path, from); err != nil {
			return err
		}
		r.Log.Info("made the issuer's next key", slog.Time("signs_from", from))
		if err := s.load(); err != nil {
			return err
		}
	}
	return s.prune(now)
}

// RotateKey makes the next key beside path and returns when it begins to sign:
// in ten minutes, by when every replica lists it.
func RotateKey(path string, now time.Time) (time.Time, error) {
	if _, err := LoadOrCreateKey(path); err != nil {
		return time.Time{}, err
	}
	from := now.Add(rotateSoon).Truncate(time.Second).UTC()
	return from, addKey(path, from)
}

func addKey(path string, from time.Time) error {
	_, err := createKey(path + "." + from.UTC().Format(fromLayout))
	if errors.Is(err, fs.ErrExist) {
		return nil // another replica was first
	}
	return err
}

// load reads the files. Keys that are known are not read again.
func (s *KeySet) load() error {
	files, err := s.rotation.files()
	if err != nil {
		return err
	}
	s.mu.RLock()
	known := slices.Clone(s.keys)
	s.mu.RUnlock()
	keys := make([]signingKey, 0, len(files))
	for _, f := range files {
		at := slices.IndexFunc(known, func(k signingKey) bool { return k.path == f.path && k.made.Equal(f.made) })
		if at >= 0 {
			keys = append(keys, known[at])
			continue
		}
		signer, err := loadKey(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another replica has removed it
		}
		if err != nil {
			return err
		}
		k, err := newSigningKey(signer)
		if err != nil {
			return fmt.Errorf("%s %w", f.path, err)
		}
		k.path, k.from, k.made = f.path, f.from, f.made
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return fmt.Errorf("no key at %s", s.rotation.Path)
	}
	slices.SortFunc(keys, func(a, b signingKey) int { return b.from.Compare(a.from) })
	if slices.EqualFunc(keys, known, func(a, b signingKey) bool { return a.id == b.id && a.made.Equal(b.made) }) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
	s.version++
	return nil
}

// A keyFile is a key's file, not yet read.
type keyFile struct {
	path       string
	from, made time.Time
}

// files lists the files of keys.
func (r Rotation) files() ([]keyFile, error) {
	entries, err := os.ReadDir(filepath.Dir(r.Path))
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	var files []keyFile
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), filepath.Base(r.Path)+".")
		from, err := time.Parse(fromLayout, stamp)
		if !ok || err != nil {
			continue
		}
		files = append(files, keyFile{filepath.Join(filepath.Dir(r.Path), e.Name()), from, from})
	}
	switch info, err := os.Stat(r.Path); {
	case err == nil:
		files = append(files, keyFile{path: r.Path, made: info.ModTime()})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("list signing keys: %w", err) // a key that cannot be seen has not been removed
	}
	return files, nil
}

// prune removes the files of keys that are listed no longer. The first stays:
// its place is part of the configuration.
func (s *KeySet) prune(now time.Time) error {
	s.mu.RLock()
	keys := slices.Clone(s.keys)
	s.mu.RUnlock()
	for n, k := range keys {
		if n == 0 || k.from.IsZero() || now.Before(keys[n-1].from.Add(s.rotation.retain()+publishAhead)) {
			continue
		}
		if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a signing key that has had its day: %w", err)
		}
	}
	return nil
}
