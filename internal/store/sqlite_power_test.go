package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// TestPowerLoss cuts the power at random moments while creates are running:
// what was not synced is lost but for random sectors of it, in any order. The
// file that remains must be whole and hold every create that was acknowledged.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	const writers = 6
	var acknowledged acknowledgements
	disk := newPowerVFS(t)
	db := newDB(Options{})
	db.dialect = sqliteDialect()
	engine, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "cloudpki.db"), disk.name)
	if err != nil {
		t.Fatal(err)
	}
	db.engine = engine
	disk.arm(t, 150, 80, &acknowledged)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := 0; !disk.done(); i++ {
				s := pki.Subscription{
					Tenant: "t", ID: pki.ID(fmt.Sprintf("%d-%d", w, i)), Key: int64(w)<<32 | int64(i), Provider: "symantec",
					Description: new(strings.Repeat("x", 300)), TrustedRoot: make([]byte, 1500),
				}
				if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
					t.Error(err)
					return
				}
				acknowledged.add(s.ID)
			}
		})
	}
	wait.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range disk.remains {
		checkRemains(t, r, acknowledged.list[:r.acknowledged])
	}
	if disk.inCheckpoint == 0 {
		t.Error("no power cut met a checkpoint; make more of them")
	}
	t.Logf("%d cuts, %d of them in a checkpoint; %d creates in %d commits", len(disk.remains), disk.inCheckpoint, len(acknowledged.list), engine.writer.commits.Load())
}

// TestPowerLossInFirstStart cuts the power while the file and its schema are
// made. The next start must go on from there.
func TestPowerLossInFirstStart(t *testing.T) {
	t.Parallel()
	const starts = 8
	disk := newPowerVFS(t)
	for range starts {
		disk.arm(t, 1000, 10, &acknowledgements{})
		engine, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "cloudpki.db"), disk.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.close(); err != nil {
			t.Error(err)
		}
		clear(disk.files)
	}
	for _, r := range disk.remains {
		checkRemains(t, r, nil)
	}
	if len(disk.remains) < starts {
		t.Errorf("only %d power cuts in %d starts", len(disk.remains), starts)
	}
}

// A remain is a disk after a power cut, and how many creates had been
// acknowledged at that moment.
type remain struct {
	dir          string
	acknowledged int
}

type acknowledgements struct {
	sync.Mutex

	list []pki.ID
}

func (a *acknowledgements) add(id pki.ID) {
	a.Lock()
	defer a.Unlock()
	a.list = append(a.list, id)
}

func (a *acknowledgements) count() int {
	a.Lock()
	defer a.Unlock()
	return len(a.list)
}

func checkRemains(t *testing.T, r remain, want []pki.ID) {
	t.Helper()
	db, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(r.dir, "cloudpki.db")})
	if err != nil {
		t.Errorf("%s: %v", r.dir, err)
		return
	}
	defer func() {
		if err := errors.Join(db.Close(), os.RemoveAll(r.dir)); err != nil {
			t.Error(err)
		}
	}()
	err = db.engine.read(t.Context(), func(c conn) error {
		answer, _, err := first(t.Context(), c, scanText, "PRAGMA integrity_check")
		if answer != "ok" {
			t.Errorf("%s: integrity_check: %s", r.dir, answer)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	there := make(map[pki.ID]bool)
	for q := (odata.Query{Top: odata.MaxTop}); ; {
		p, err := db.Subscriptions(context.WithoutCancel(t.Context()), "t", q)
		if err != nil {
			t.Error(err)
			return
		}
		for _, s := range p.Items {
			there[s.ID] = true
		}
		if q.After = p.After; q.After == nil {
			break
		}
	}
	for _, id := range want {
		if !there[id] {
			t.Errorf("%s: the acknowledged create of %s is lost; %d were acknowledged, %d are there", r.dir, id, len(want), len(there))
			return
		}
	}
}

// A powerVFS passes everything through to the real files and remembers what of
// it has been synced.
type powerVFS struct {
	name string
	disk vfs.VFSFilename

	mu           sync.Mutex
	files        map[string]*powerImage // by base name
	random       *rand.Rand
	odds         int                                // one write in so many meets a power cut
	cut          func(save func(string) error) bool // returns false when there were enough
	remains      []remain
	inCheckpoint int // cuts while the file itself, not its log, was written
}

func newPowerVFS(t *testing.T) *powerVFS {
	v := &powerVFS{
		name: t.Name(), disk: vfs.Find("").(vfs.VFSFilename),
		files: make(map[string]*powerImage), random: rand.New(rand.NewPCG(1, 2)),
	}
	vfs.Register(v.name, v)
	t.Cleanup(func() { vfs.Unregister(v.name) })
	return v
}

// arm lets the power fail from now on, so many times.
func (v *powerVFS) arm(t *testing.T, cuts, odds int, a *acknowledgements) {
	v.mu.Lock()
	defer v.mu.Unlock()
	images := t.TempDir()
	v.odds = odds
	v.cut = func(save func(string) error) bool {
		dir := filepath.Join(images, fmt.Sprint(cuts))
		r := remain{dir, a.count()}
		if err := errors.Join(os.Mkdir(dir, 0o700), save(dir)); err != nil {
			t.Error(err)
		}
		v.remains = append(v.remains, r)
		cuts--
		return cuts > 0
	}
}

// A powerImage is what of a file is on the disk for sure, and what was written
// since.
type powerImage struct {
	synced  []byte
	pending []powerWrite
}

// A powerWrite is a write, or with data nil a truncation to the size off.
type powerWrite struct {
	off  int64
	data []byte
}

func (v *powerVFS) done() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cut == nil
}

// moment may be the one at which the power fails. mu is held.
func (v *powerVFS) moment() {
	if v.cut == nil || v.random.IntN(v.odds) > 0 {
		return
	}
	if main, ok := v.files["cloudpki.db"]; ok && len(main.pending) > 0 {
		v.inCheckpoint++
	}
	if !v.cut(v.save) {
		v.cut = nil
	}
}

// save writes what a power cut at this moment would leave.
func (v *powerVFS) save(dir string) error {
	for name, image := range v.files {
		if err := os.WriteFile(filepath.Join(dir, name), image.remains(v.random), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// remains returns the synced bytes and random sectors of the pending ones.
func (i *powerImage) remains(random *rand.Rand) []byte {
	left := append([]byte{}, i.synced...)
	share := random.IntN(101) // of the sectors that made it to the disk, in percent
	for _, w := range i.pending {
		if w.data == nil {
			if random.IntN(100) < share {
				left = resize(left, w.off)
			}
			continue
		}
		const sector = 512
		for from := 0; from < len(w.data); from += sector {
			if random.IntN(100) < share {
				left = overwrite(left, w.off+int64(from), w.data[from:min(from+sector, len(w.data))])
			}
		}
	}
	return left
}

func (i *powerImage) sync() {
	for _, w := range i.pending {
		if w.data == nil {
			i.synced = resize(i.synced, w.off)
		} else {
			i.synced = overwrite(i.synced, w.off, w.data)
		}
	}
	i.pending = nil
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func overwrite(b []byte, off int64, data []byte) []byte {
	if end := off + int64(len(data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[off:], data)
	return b
}

func (v *powerVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return v.disk.Open(name, flags)
}

func (v *powerVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.disk.OpenFilename(name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) == 0 {
		return f, flags, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	base := filepath.Base(name.String())
	image, ok := v.files[base]
	if !ok {
		image = &powerImage{}
		v.files[base] = image
	}
	return &powerFile{File: f, vfs: v, image: image}, flags, nil
}

func (v *powerVFS) Delete(name string, syncDir bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.files, filepath.Base(name))
	return v.disk.Delete(name, syncDir)
}

func (v *powerVFS) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return v.disk.Access(name, flags)
}

func (v *powerVFS) FullPathname(name string) (string, error) { return v.disk.FullPathname(name) }

// A powerFile is an open file. Its shared memory is the real one: it does not
// survive a power cut, and SQLite makes it anew.
type powerFile struct {
	vfs.File

	vfs   *powerVFS
	image *powerImage
}

func (f *powerFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}

func (f *powerFile) Unwrap() vfs.File { return f.File }

func (f *powerFile) LockState() vfs.LockLevel { return vfsutil.WrapLockState(f.File) }

func (f *powerFile) PersistWAL() bool { return vfsutil.WrapPersistWAL(f.File) }

func (f *powerFile) SetPersistWAL(keep bool) { vfsutil.WrapSetPersistWAL(f.File, keep) }

func (f *powerFile) PowersafeOverwrite() bool { return vfsutil.WrapPowersafeOverwrite(f.File) }

func (f *powerFile) SetPowersafeOverwrite(safe bool) {
	vfsutil.WrapSetPowersafeOverwrite(f.File, safe)
}

func (f *powerFile) WriteAt(p []byte, off int64) (int, error) {
	f.vfs.mu.Lock()
	defer f.vfs.mu.Unlock()
	f.vfs.moment()
	f.image.pending = append(f.image.pending, powerWrite{off, append([]byte{}, p...)})
	return f.File.WriteAt(p, off)
}

func (f *powerFile) Truncate(size int64) error {
	f.vfs.mu.Lock()
	defer f.vfs.mu.Unlock()
	f.vfs.moment()
	f.image.pending = append(f.image.pending, powerWrite{off: size})
	return f.File.Truncate(size)
}

func (f *powerFile) Sync(flags vfs.SyncFlag) error {
	f.vfs.mu.Lock()
	defer f.vfs.mu.Unlock()
	f.vfs.moment()
	f.image.sync()
	return nil // the image stands for the disk; no need to wear out the real one
}
