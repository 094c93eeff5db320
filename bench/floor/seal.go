package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
)

// A sealer encrypts secrets under one key of 256 bits.
type sealer struct{ aead cipher.AEAD }

// loadSealer reads the key at path, which is made where it is missing.
func loadSealer(path string) (sealer, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return sealer{}, err
		}
		err = os.WriteFile(path, key, 0o600)
	}
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal encrypts secret for one field of one object; nil stays nil.
func (s sealer) seal(secret []byte, id, field string) []byte {
	if secret == nil {
		return nil
	}
	return s.aead.Seal(nil, nil, secret, []byte(tenant+"\x00"+id+"\x00"+field))
}
