package casim

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a CA with a directory.
const (
	authoritiesFile = "authorities.json" // certificates and keys, mode 0600
	journalFile     = "certificates.jsonl"
)

// open makes the authorities, or reads them and all records from the directory.
func (c *CA) open() error {
	if c.opts.Dir == "" {
		var err error
		c.auth, err = newAuthorities(c.opts.Now())
		return err
	}
	if err := os.MkdirAll(c.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(c.opts.Dir, authoritiesFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c.auth, err = newAuthorities(c.opts.Now()); err != nil {
			return err
		}
		if err := c.save(); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("read authorities: %w", err)
	default:
		c.auth = new(authorities)
		if err := json.Unmarshal(b, c.auth); err != nil {
			return fmt.Errorf("read authorities: %w", err)
		}
	}
	return c.openJournal()
}

// save writes the authorities; a reader sees the old file or the new one.
func (c *CA) save() error {
	if c.opts.Dir == "" {
		return nil
	}
	b, err := json.Marshal(c.auth)
	if err != nil {
		return fmt.Errorf("write authorities: %w", err)
	}
	path := filepath.Join(c.opts.Dir, authoritiesFile)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write authorities: %w", err)
	}
	return os.Rename(path+".new", path)
}

type storedSigner struct {
	Cert []byte `json:"certificate"`
	Key  []byte `json:"key"` // PKCS#8
}

// MarshalJSON writes the certificate and the key.
func (s signer) MarshalJSON() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedSigner{s.cert.Raw, key})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *signer) UnmarshalJSON(b []byte) error {
	var in storedSigner
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	var err error
	if s.cert, err = x509.ParseCertificate(in.Cert); err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(in.Key)
	if err != nil {
		return err
	}
	var ok bool
	if s.key, ok = key.(*ecdsa.PrivateKey); !ok {
		return errors.New("the key is not an ECDSA key")
	}
	return nil
}

// A journal appends records to a file, one JSON object a line; a later line of
// the same serial replaces the earlier. A nil journal writes nothing.
type journal struct {
	f *os.File
}

func (j *journal) append(rs ...*record) error {
	if j == nil || j.f == nil {
		return nil
	}
	w := bufio.NewWriter(j.f)
	enc := json.NewEncoder(w)
	for _, r := range rs {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write record: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j == nil || j.f == nil {
		return nil
	}
	err := j.f.Close()
	j.f = nil
	return err
}

func (c *CA) openJournal() error {
	f, err := os.OpenFile(filepath.Join(c.opts.Dir, journalFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		r := new(record)
		if err := dec.Decode(r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			_ = f.Close() // the fault of the content is the error to tell
			return fmt.Errorf("read records: %w", err)
		}
		c.add(r)
	}
	c.log = &journal{f}
	return nil
}
