package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// findPrograms returns the bin folder of the newest server below root
// (Debian keeps them as root/VERSION/bin), or else that of initdb in PATH.
func findPrograms(root string) (string, error) {
	servers, err := filepath.Glob(filepath.Join(root, "*", "bin", "postgres"))
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	newest, bin := -1.0, ""
	for _, server := range servers {
		dir := filepath.Dir(server)
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && version > newest {
			newest, bin = version, dir
		}
	}
	if bin != "" {
		return bin, nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrMissing
	}
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	return filepath.Dir(initdb), nil
}

// serverArgs returns the server's command line.
func serverArgs(dir string, o Options) []string {
	settings := map[string]string{
		"listen_addresses": "", // the socket alone
		"max_connections":  "200",
	}
	if !o.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	args := []string{"-D", filepath.Join(dir, "data"), "-k", dir}
	for _, more := range []map[string]string{settings, o.Settings} {
		for name, value := range more {
			args = append(args, "-c", name+"="+value)
		}
	}
	return args
}

// create makes the data folder.
func (c *Cluster) create(o Options) error {
	// The kernel ends the server if this process dies without calling Stop.
	c.attr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 {
		if err := c.becomePostgres(); err != nil {
			return err
		}
	}
	args := []string{"-D", filepath.Join(c.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"}
	if !o.Durable {
		args = append(args, "--no-sync")
	}
	cmd := c.command("initdb", args)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the cluster: %w: %s", err, out)
	}
	return nil
}

// becomePostgres hands the folder, and the programs yet to be started, to the
// user that Debian's package makes: PostgreSQL refuses to run as root.
func (c *Cluster) becomePostgres() error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("%w (no user postgres)", ErrMissing)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("read the id of user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return fmt.Errorf("read the group of user postgres: %w", err)
	}
	if err := os.Chown(c.dir, int(uid), int(gid)); err != nil {
		return fmt.Errorf("hand over the cluster's folder: %w", err)
	}
	c.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// launch starts the server and waits until it answers.
func (c *Cluster) launch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		return errRunning
	}
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	server := c.command("postgres", c.args)
	server.Stdout, server.Stderr = log, log
	started, exited := make(chan error, 1), make(chan struct{})
	go func() { // ends with the server; end waits for it
		// Pdeathsig comes when the thread that started the server ends, not
		// the process: this goroutine keeps its thread for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := server.Start()
		started <- err
		if err == nil {
			_ = server.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.server, c.exited = server, exited
	return c.ready()
}

// ready waits until the server takes connections.
func (c *Cluster) ready() error {
	deadline := time.Now().Add(startTimeout)
	for {
		if c.command("pg_isready", []string{"-q", "-h", c.dir}).Run() == nil {
			return nil
		}
		select {
		case <-c.exited:
			c.server = nil
			return fmt.Errorf("start PostgreSQL: it ended at once: %s", c.log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start PostgreSQL: no answer after %v: %s", startTimeout, c.log())
		}
	}
}

// end sends the server a signal and waits until it is gone.
func (c *Cluster) end(sig syscall.Signal) error {
	if err := c.server.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-c.exited:
		c.server = nil
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("stop PostgreSQL: it still runs after %v", stopTimeout)
	}
}

// command returns a program of the server's, to be run as its user.
func (c *Cluster) command(program string, args []string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, c.attr
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	return cmd
}

// log returns what the server has written, for a message.
func (c *Cluster) log() []byte {
	text, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}
