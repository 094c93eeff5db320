package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

const (
	// maxUpload bounds a form with a file, in bytes; the rules take a client
	// certificate of half of that, and say so at its field.
	maxUpload = 2 << 20

	// maxUnread bounds what is read of a form that is too long, so that the
	// browser comes to see the answer.
	maxUnread = 16 << 20
)

// withFile lets the form that serve is sent bring a file. It is read for who may
// write alone, and within their bounds. Nothing of it, which may be a private
// key, is written to a disk.
func (s *Server) withFile(serve func(*visit) error) http.HandlerFunc {
	checked := s.withForm(serve)
	return s.admitted(auth.Write, s.bounds.long, func(v *visit) error {
		if err := readUpload(v.w, v.r); err != nil {
			return err
		}
		return checked(v)
	})
}

// readUpload reads a form in parts (RFC 7578) as a whole.
func readUpload(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxUpload {
		_, _ = io.CopyN(io.Discard, r.Body, min(r.ContentLength, maxUnread)) // of no use
		return errBigForm()
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	err := r.ParseMultipartForm(maxUpload)
	var tooBig *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, http.ErrNotMultipart):
		return nil
	case errors.As(err, &tooBig), errors.Is(err, multipart.ErrMessageTooLarge):
		return errBigForm()
	}
	return errBadForm()
}

// An upload is what a form has brought.
type upload struct {
	values url.Values
	files  map[string][]byte // by field; those that have content

	certificate secret.Text // the client certificate as PKCS#12; empty for none
}

// readCertificate takes the client certificate from its file, PKCS#12 or PEM,
// and returns what is wrong with the latter.
func (u *upload) readCertificate() []pki.Problem {
	file := u.files[namePFX]
	u.certificate = secret.New(file)
	if !provider.IsPEM(file) {
		return nil
	}
	made, err := provider.PKCS12FromPEM(u.certificate, secret.NewString(u.values.Get(namePFXPassword)))
	u.certificate = made
	var fault *provider.Error
	if errors.As(err, &fault) {
		return []pki.Problem{{Target: memberCredentials + namePFX, Msg: fault.Text()}}
	}
	return nil
}

// uploadOf returns what the form of a request has brought.
func uploadOf(r *http.Request) (upload, error) {
	u := upload{values: r.PostForm, files: make(map[string][]byte)}
	if r.MultipartForm == nil {
		return u, nil
	}
	for name, list := range r.MultipartForm.File {
		content, err := readFile(list[0])
		if err != nil {
			return upload{}, errBadForm()
		}
		if len(content) > 0 {
			u.files[name] = content
		}
	}
	return u, nil
}

func readFile(h *multipart.FileHeader) ([]byte, error) {
	f, err := h.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

func errBigForm() error {
	return &fault{
		status: http.StatusRequestEntityTooLarge, title: "Nothing was changed",
		Msg: "The form is longer than 2 MB or has too many parts. A client certificate with its key and chain has a few thousand bytes: go back and choose that file alone.",
	}
}
