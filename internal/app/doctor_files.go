package app

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// leastSpace is the free space of the data directory below which the doctor
// warns: a full sync of a large inventory fits into it.
const leastSpace = 1 << 30

// directory judges the data directory and its permissions.
func (d *doctor) directory() Finding {
	const check = "data directory"
	dir := d.cfg.Data.Directory
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found(check, Healthy, "", "%s does not exist yet; the first start makes it", dir)
	case err != nil:
		return found(check, Failed, "let the user of the service read it (data.directory)", "%v", err)
	case !info.IsDir():
		return found(check, Failed, "set data.directory to a folder", "%s is no folder", dir)
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return found(check, Failed, "give it to the user of the service, and run the doctor as that user", "%v", err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return found(check, Failed, "give it to the user of the service", "%v", err)
	}
	const others = 0o077
	if mode := info.Mode().Perm(); mode&others != 0 {
		return found(check, Warned, "chmod 700 "+dir, "%s may be entered by others (mode %04o)", dir, mode)
	}
	return found(check, Healthy, "", "%s", dir)
}

// space judges the room for the data directory, or for where it will be.
func (d *doctor) space() Finding {
	const check = "free space"
	dir := d.cfg.Data.Directory
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, err := freeSpace(dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return found(check, Skipped, "", "this system does not tell")
	case err != nil:
		return found(check, Failed, "let the user of the service read the data directory", "%v", err)
	case free < leastSpace:
		return found(check, Warned, "make room: a full disk ends every sync with storage", "%.1f GiB left in %s", gib(free), dir)
	}
	return found(check, Healthy, "", "%.1f GiB left", gib(free))
}

func gib(bytes uint64) float64 { return float64(bytes) / (1 << 30) }

// certificate judges the server's certificate.
func (d *doctor) certificate() Finding {
	const check = "TLS certificate"
	own := d.cfg.TLS.CertificateFile == ""
	certFile, keyFile := d.cfg.TLS.CertificateFile, d.cfg.TLS.KeyFile
	if own {
		certFile, keyFile = filepath.Join(d.cfg.Data.Directory, tlsFile), filepath.Join(d.cfg.Data.Directory, tlsKey)
		if _, err := os.Stat(certFile); errors.Is(err, fs.ErrNotExist) {
			return found(check, Healthy, "", "the first start makes a CA and a certificate")
		}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return found(check, Failed, "set tls.certificate_file and tls.key_file to a pair", "%v", err)
	}
	leaf, now := pair.Leaf, d.now()
	end := leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case own && now.After(leaf.NotAfter):
		return found(check, Warned, "start the service: it makes a new one", "ended %s", end)
	case now.After(leaf.NotAfter):
		return found(check, Failed, "put a new certificate in "+certFile+"; it is read again by itself", "ended %s", end)
	case now.Before(leaf.NotBefore):
		return found(check, Failed, "set the clock, or wait", "begins only %s", leaf.NotBefore.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if u, err := url.Parse(d.cfg.Listen.PublicOrigin); err == nil && u.Hostname() != "" {
		if err := leaf.VerifyHostname(u.Hostname()); err != nil && !own {
			return found(check, Failed, "get a certificate for the host of listen.public_origin, or correct that", "is not for %s", u.Hostname())
		}
	}
	if !own && now.Add(expirySoon).After(leaf.NotAfter) {
		return found(check, Warned, "put a new certificate in "+certFile+"; it is read again by itself", "ends %s", end)
	}
	return found(check, Healthy, "", "good until %s", end)
}

// rootKey judges the root key file, and whether it opens the database.
func (d *doctor) rootKey(i store.Inspection) Finding {
	const check = "root key"
	path := d.cfg.Keys.RootFile
	root, err := secret.LoadRoot(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && i.Sealed:
		return found(check, Failed, "restore it from its backup (keys.root_file): without it no stored credential opens", "%s does not exist, and the database was sealed under one", path)
	case errors.Is(err, fs.ErrNotExist):
		return found(check, Healthy, "", "there is none yet; the first start makes %s", path)
	case errors.Is(err, secret.ErrKeyPermissions):
		return found(check, Failed, "chmod 600 "+path, "%s may be read by others", path)
	case err != nil:
		return found(check, Failed, "restore it from its backup (keys.root_file), and let the user of the service read it", "%v", err)
	case i.Sealed && !root.Wrapped(i.Key):
		return found(check, Failed, "restore the file that belongs to this database (keys.root_file)", "%s is not the key that the database was sealed under", path)
	case i.Sealed:
		return found(check, Healthy, "", "%s fits the database; is there a backup of it, apart from the database's?", path)
	}
	return found(check, Healthy, "", "%s is one; nothing is known to be sealed under it", path)
}
