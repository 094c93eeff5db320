package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestClusterGivesFreshDatabases(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	first, second := c.Database(t), c.Database(t)
	if first == second {
		t.Fatalf("both databases are %s", first)
	}
	query(t, c, first, "CREATE TABLE a (x int)")
	if got := query(t, c, second, "SELECT count(*) FROM pg_tables WHERE tablename = 'a'"); got != "0" {
		t.Errorf("a table of the first database shows in the second: count %s", got)
	}
	if got := query(t, c, first, "SHOW listen_addresses"); got != "" {
		t.Errorf("the server listens on %q, want the socket alone", got)
	}
}

func TestDatabaseIsDroppedWhenItsTestEnds(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	t.Run("user", func(t *testing.T) { c.Database(t) })
	if got := query(t, c, c.URL("postgres"), "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'"); got != "0" {
		t.Errorf("%s databases are left", got)
	}
}

func TestDurableClusterKeepsCommittedRowsWhenKilled(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Durable: true, Settings: map[string]string{"work_mem": "8MB"}})
	db := c.Database(t)
	if got := query(t, c, db, "SHOW fsync") + " " + query(t, c, db, "SHOW work_mem"); got != "on 8MB" {
		t.Errorf("fsync and work_mem are %q, want on 8MB", got)
	}
	query(t, c, db, "CREATE TABLE a (x int)")
	query(t, c, db, "INSERT INTO a VALUES (7)")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if out, err := psql(c, db, "SELECT 1"); err == nil {
		t.Fatalf("the killed server answers: %s", out)
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, c, db, "SELECT x FROM a"); got != "7" {
		t.Errorf("x is %q after the restart, want 7", got)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	c, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is left: %v", c.dir, err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestWrongSettingIsToldWithTheServersWords(t *testing.T) {
	t.Parallel()
	_, err := Start(Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error %v, want one that names no_such_setting", err)
	}
}

func TestFindProgramsTakesTheNewestServer(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6", "15", "9", "common"} {
		bin := filepath.Join(root, version, "bin")
		if err := os.MkdirAll(bin, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "postgres"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := findPrograms(root)
	if want := filepath.Join(root, "15", "bin"); got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestFindProgramsSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := findPrograms(t.TempDir()); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v, want ErrMissing", err)
	}
	if msg := ErrMissing.Error(); !strings.Contains(msg, "apt-get install postgresql") || strings.Contains(msg, "\n") {
		t.Errorf("message %q, want one line that names the package", msg)
	}
}

func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	began := time.Now()
	c, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func query(t *testing.T, c *Cluster, db, statement string) string {
	t.Helper()
	out, err := psql(c, db, statement)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func psql(c *Cluster, db, statement string) (string, error) {
	out, err := exec.Command(filepath.Join(c.bin, "psql"), "-X", "-A", "-t", "-q", "-c", statement, db).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", statement, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
