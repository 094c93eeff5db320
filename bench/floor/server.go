package main

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

const (
	set             = "/beta/cloudPkiSubscriptions"
	entityType      = "#microsoft.graph.cloudPkiSubscription"
	credentialsType = "microsoft.graph.cloudPkiAdministratorCredentials"
	maxBody         = 4 << 20
	maxTop          = 999
)

// A server answers the three requests and says when it is ready.
type server struct {
	db     *store
	sealer sealer
	now    func() time.Time
	origin string
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+set, s.create)
	mux.HandleFunc("GET "+set, s.list)
	mux.HandleFunc("GET "+set+"/{id}", s.get)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return mux
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body is too large or did not arrive", http.StatusRequestEntityTooLarge)
		return
	}
	var sub subscription
	if err := json.Unmarshal(body, &sub, json.RejectUnknownMembers(true)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		fail(w, err)
		return
	}
	sub.Context, sub.Type, sub.ID, sub.Created = s.origin+"/beta/$metadata#cloudPkiSubscriptions/$entity", entityType, id.String(), s.now().UTC().Truncate(100)
	if err := s.db.create(&sub, s.seal(&sub)); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Location", s.origin+set+"/"+sub.ID)
	answer(w, http.StatusCreated, &sub)
}

// seal returns the three secrets sealed, in the order of their columns.
func (s *server) seal(sub *subscription) (sealed [3][]byte) {
	c := sub.Credentials
	if c == nil {
		return sealed
	}
	if c.Password != nil {
		sealed[0] = s.sealer.seal([]byte(*c.Password), sub.ID, "adminPassword")
	}
	if c.Certificate != nil {
		sealed[1] = s.sealer.seal(*c.Certificate, sub.ID, "authenticationCertificate")
	}
	if c.CertificatePassword != nil {
		sealed[2] = s.sealer.seal([]byte(*c.CertificatePassword), sub.ID, "authenticationCertificatePassword")
	}
	return sealed
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	sub, found, err := s.db.get(r.PathValue("id"))
	switch {
	case err != nil:
		fail(w, err)
		return
	case !found:
		http.Error(w, "there is no such subscription", http.StatusNotFound)
		return
	}
	sub.Context, sub.Type = s.origin+"/beta/$metadata#cloudPkiSubscriptions/$entity", entityType
	answer(w, http.StatusOK, &sub)
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	top, err := strconv.Atoi(query.Get("$top"))
	if err != nil || top < 1 || top > maxTop {
		http.Error(w, "$top must be from 1 to "+strconv.Itoa(maxTop), http.StatusBadRequest)
		return
	}
	list, err := s.db.list(query.Get("$skiptoken"), top+1)
	if err != nil {
		fail(w, err)
		return
	}
	p := page{Context: s.origin + "/beta/$metadata#cloudPkiSubscriptions", Value: list}
	if len(list) > top {
		p.Value = list[:top]
		p.NextLink = s.origin + set + "?$top=" + strconv.Itoa(top) + "&$skiptoken=" + p.Value[top-1].ID
	}
	answer(w, http.StatusOK, &p)
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone
}

func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
