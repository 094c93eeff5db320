package pki_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// A benchRecord is a certificate as the CA of the benchmarks tells it.
type benchRecord struct {
	DER     []byte    `json:"der"`
	Status  string    `json:"status"`
	Updated time.Time `json:"updated"`
}

type benchPage struct {
	Records []benchRecord `json:"records"`
	Next    int           `json:"next"` // 0 on the last page
}

// A benchCA serves certificates as JSON over TLS, 500 a page.
type benchCA struct {
	server  *httptest.Server
	records []benchRecord
}

const benchPageSize = 500

func newBenchCA(b *testing.B, n int) *benchCA {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(b, err)
	ca := &benchCA{records: make([]benchRecord, n)}
	begun := time.Now().Add(-time.Hour)
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Bench CA", Organization: []string{"Example"}}}
	for i := range ca.records {
		name := fmt.Sprintf("device-%07d.example.com", i)
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(int64(i)*7919 + 1<<40), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
			DNSNames: []string{name}, NotBefore: begun, NotAfter: begun.Add(time.Duration(i%365+1) * 24 * time.Hour),
		}, issuer, key.Public(), key)
		noError(b, err)
		ca.records[i] = benchRecord{DER: der, Status: "valid", Updated: begun.Add(time.Duration(i-n) * time.Minute)}
	}
	ca.server = httptest.NewTLSServer(http.HandlerFunc(ca.serve))
	b.Cleanup(ca.server.Close)
	return ca
}

func (ca *benchCA) serve(w http.ResponseWriter, r *http.Request) {
	since, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("since"))
	list := ca.records
	if !since.IsZero() {
		list = nil
		for _, record := range ca.records {
			if !record.Updated.Before(since) {
				list = append(list, record)
			}
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	page := benchPage{Records: list[from:min(from+benchPageSize, len(list))]}
	if from+benchPageSize < len(list) {
		page.Next = from + benchPageSize
	}
	_ = json.NewEncoder(w).Encode(page)
}

// kind is a provider of the CA.
func (ca *benchCA) kind() provider.Kind {
	return provider.Kind{
		Name: "vault", Can: provider.Capabilities{Inventory: provider.InventoryUpdatedSince},
		Validate: func(provider.Config) []provider.Problem { return nil },
		Open: func(_ context.Context, c provider.Config) (provider.Session, error) {
			return &benchSession{ca: ca, client: ca.server.Client(), now: c.Now}, nil
		},
	}
}

type benchSession struct {
	ca     *benchCA
	client *http.Client
	now    func() time.Time
}

func (s *benchSession) Probe(context.Context) (provider.Probe, error) { return provider.Probe{}, nil }
func (s *benchSession) Close() error                                  { return nil }
func (s *benchSession) Mode() provider.InventoryMode                  { return provider.InventoryUpdatedSince }

func (s *benchSession) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	from, _ := strconv.Atoi(string(after))
	told, err := s.ca.get(ctx, s.client, from, scan.Since)
	page := provider.Page{Total: -1, More: told.Next > 0, Full: scan.Mode == provider.ScanAll, Next: provider.Cursor(strconv.Itoa(told.Next))}
	if err != nil {
		return page, err
	}
	for _, record := range told.Records {
		cert, err := x509.ParseCertificate(record.DER)
		if err != nil {
			return page, err
		}
		r := provider.NewRecord(cert)
		r.Status, r.Updated = provider.Status(record.Status), record.Updated
		page.Records = append(page.Records, r)
	}
	return page, nil
}

func (ca *benchCA) get(ctx context.Context, client *http.Client, from int, since time.Time) (page benchPage, err error) {
	address := ca.server.URL + "/?from=" + strconv.Itoa(from)
	if !since.IsZero() {
		address += "&since=" + since.UTC().Format(time.RFC3339Nano)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return page, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return page, err
	}
	err = errors.Join(json.NewDecoder(answer.Body).Decode(&page), answer.Body.Close())
	return page, err
}

// A benchSync is a service over a new SQLite file with one subscription.
type benchSync struct {
	store   *store.DB
	service *pki.Service
	id      pki.ID
}

func newBenchSync(b *testing.B, ca *benchCA) *benchSync {
	b.Helper()
	dir := b.TempDir()
	db, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "cloudpki.db")})
	noError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	root, err := secret.CreateRoot(filepath.Join(dir, "root.key"))
	noError(b, err)
	catalog, err := provider.NewCatalog(ca.kind())
	noError(b, err)
	service, err := pki.NewService(pki.Options{
		Store: db, Keyring: secret.NewKeyring(root, db), Root: root, Catalog: catalog, Now: time.Now,
		Schedule:  pki.Schedule{Interval: time.Hour, MinimumInterval: time.Minute, FullInterval: 24 * time.Hour, RunTimeout: time.Hour, MaxMissingPercent: 25},
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: time.Now}),
	})
	noError(b, err)
	sub, err := service.Create(b.Context(), tenant, pki.Actor{}, pki.Draft{Provider: pki.Given("vault")}, nil)
	noError(b, err)
	return &benchSync{db, service, sub.ID}
}

// run syncs once and returns how long that took.
func (s *benchSync) run(b *testing.B, want func(pki.Counts) bool) time.Duration {
	b.Helper()
	_, err := s.service.RequestSync(b.Context(), tenant, pki.Actor{}, s.id)
	noError(b, err)
	now := odata.FromTime(time.Now())
	leases, err := s.store.TakeDue(b.Context(), "bench", now, odata.FromTime(time.Now().Add(time.Hour)), 1, pki.Bounds{PerTenant: 1})
	noError(b, err)
	begun := time.Now()
	noError(b, s.service.Sync(b.Context(), leases[0]))
	took := time.Since(begun)
	run, err := s.service.Run(b.Context(), tenant, s.id, leases[0].Run.ID)
	noError(b, err)
	if run.Status != pki.RunSucceeded || !want(run.Counts) {
		b.Fatalf("run %+v", run)
	}
	return took
}

func isNew(n int) func(pki.Counts) bool {
	return func(c pki.Counts) bool { return c.New == n && c.Found == n }
}

// BenchmarkFirstSync measures the first sync of 100,000 certificates. ratio is
// how many times as long it takes as the bare loop that does the same HTTP, the
// same parsing and an upsert into the same tables.
func BenchmarkFirstSync(b *testing.B) {
	const n = 100_000
	ca := newBenchCA(b, n)
	var ours, floor time.Duration
	for b.Loop() {
		floor += bareLoop(b, ca)
		ours += newBenchSync(b, ca).run(b, isNew(n))
	}
	b.ReportMetric(float64(ours)/float64(floor), "ratio")
	b.ReportMetric(float64(n)*float64(b.N)/ours.Seconds(), "certificates/s")
}

// BenchmarkResync measures a sync that finds 100 changes in 100,000
// certificates. share is its part of the time of the first sync, in percent.
func BenchmarkResync(b *testing.B) {
	const n, changed = 100_000, 100
	ca := newBenchCA(b, n)
	s := newBenchSync(b, ca)
	first := s.run(b, isNew(n))
	var again time.Duration
	rounds := 0
	for b.Loop() {
		rounds++
		for i := range changed {
			r := &ca.records[(i*991+rounds)%n]
			r.Status, r.Updated = map[bool]string{true: "revoked", false: "valid"}[r.Status == "valid"], time.Now()
		}
		again += s.run(b, func(c pki.Counts) bool { return c.Changed >= changed && c.New == 0 })
	}
	b.ReportMetric(100*again.Seconds()/float64(rounds)/first.Seconds(), "percent-of-first")
}

// BenchmarkSyncMemory measures the peak of the heap during a first sync, above
// what was there before. ratio is that of 100,000 certificates to that of
// 25,000, with which the caches of the database are full.
func BenchmarkSyncMemory(b *testing.B) {
	var peaks [2]float64
	for b.Loop() {
		for i, n := range []int{25_000, 100_000} {
			ca := newBenchCA(b, n)
			s := newBenchSync(b, ca)
			peaks[i] = max(peaks[i], peakHeap(func() { s.run(b, isNew(n)) }))
			ca.server.Close()
		}
	}
	b.ReportMetric(peaks[1]/peaks[0], "ratio")
	b.ReportMetric(peaks[1]/(1<<20), "MiB")
}

// peakHeap returns by how many bytes f makes the heap grow at most, without
// what nobody refers to any longer: how much of that the runtime lets lie
// follows from what else is in the process, here the CA.
func peakHeap(f func()) float64 {
	before, peak := liveHeap(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, liveHeap())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(done)
	<-ended
	return float64(peak - min(peak, before))
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC() // pools give up what they hold in two steps
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// bareLoop does what a first sync must, and no more.
func bareLoop(b *testing.B, ca *benchCA) time.Duration {
	b.Helper()
	file := filepath.Join(b.TempDir(), "cloudpki.db")
	db, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + file})
	noError(b, err)
	noError(b, db.Close()) // it has made the tables
	c, err := sqlite3.Open(file)
	noError(b, err)
	defer c.Close()
	noError(b, c.Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -3072; PRAGMA wal_autocheckpoint = 4000"))
	certificate, _, err := c.Prepare(`INSERT INTO certificates (tenant, subscription_key, id,
	subject_name, subject_name_folded, common_name, common_name_folded, issuer_name, issuer_name_folded, serial_number, thumbprint,
	not_before, not_after, status, subject_alternative_names, subject_alternative_names_folded, first_seen_date_time, last_changed_date_time, ordinal, listed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?18, 1)
ON CONFLICT (tenant, subscription_key, id) DO UPDATE SET status = excluded.status, thumbprint = excluded.thumbprint`)
	noError(b, err)
	defer certificate.Close()
	body, _, err := c.Prepare("INSERT INTO certificate_bodies (tenant, thumbprint, der) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
	noError(b, err)
	defer body.Close()
	begun := time.Now()
	client, ordinal := ca.server.Client(), int64(0)
	for from, more := 0, true; more; {
		page, err := ca.get(b.Context(), client, from, time.Time{})
		noError(b, err)
		noError(b, c.Exec("BEGIN IMMEDIATE"))
		for _, r := range page.Records {
			upsert(b, certificate, body, r.DER, ordinal)
			ordinal++
		}
		noError(b, c.Exec("COMMIT"))
		from, more = page.Next, page.Next > 0
	}
	return time.Since(begun)
}

func upsert(b *testing.B, certificate, body *sqlite3.Stmt, der []byte, ordinal int64) {
	b.Helper()
	cert, err := x509.ParseCertificate(der)
	noError(b, err)
	serial, subject, issuer := cert.SerialNumber.Text(16), cert.Subject.String(), cert.Issuer.String()
	names := strings.Join(cert.DNSNames, ", ")
	thumbprint := pki.Thumbprint(der)
	for i, v := range []any{
		string(tenant), int64(1), string(pki.CertificateID(cert.RawIssuer, "", serial)),
		subject, strings.ToLower(subject), cert.Subject.CommonName, strings.ToLower(cert.Subject.CommonName),
		issuer, strings.ToLower(issuer), serial, thumbprint, cert.NotBefore.UnixNano() / 100, cert.NotAfter.UnixNano() / 100, int64(1),
		names, strings.ToLower(names), time.Now().UnixNano() / 100, ordinal,
	} {
		switch v := v.(type) {
		case string:
			err = certificate.BindText(i+1, v)
		case int64:
			err = certificate.BindInt64(i+1, v)
		}
		noError(b, err)
	}
	noError(b, certificate.Exec())
	noError(b, body.BindText(1, string(tenant)))
	noError(b, body.BindText(2, thumbprint))
	noError(b, body.BindBlob(3, der))
	noError(b, body.Exec())
}

func noError(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
