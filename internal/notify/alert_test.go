package notify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/notify"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

const alertOrigin = "https://pki.example.com"

func anAlert() *pki.Alert {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &pki.Alert{
		ID: "0198a", At: at, Kind: pki.AlertRoot, Tenant: "t", Subscription: "s", Name: "Device CA", Object: "abcd",
		Stage: "days30", Ends: at.Add(29 * 24 * time.Hour), Title: "Root CN=Gerät ends within 30 days",
		Detail: "The root ends.", Action: "Renew it.", Path: "/beta/x", Console: "/console/subscriptions/s", Page: "/docs/notifications#alerts",
	}
}

// A mailServer speaks as much of SMTP as a submission needs, over real TLS.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	conf     *tls.Config
	roots    *x509.CertPool
	implicit bool
	starttls bool
	auth     string // mechanisms that it offers
	reply    string // to the message; "" takes it
	endless  bool   // talks without end
	silent   bool   // says nothing at all

	mu    sync.Mutex
	log   []string // commands, with what AUTH decodes to
	mails []string
}

func newMailServer(t *testing.T, change func(*mailServer)) *mailServer {
	t.Helper()
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(lender.Close)
	m := &mailServer{t: t, conf: &tls.Config{Certificates: lender.TLS.Certificates}, roots: x509.NewCertPool(), starttls: true}
	m.roots.AddCert(lender.Certificate())
	change(m)
	var err error
	if m.listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := m.listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() { _ = m.listener.Close(); running.Wait() })
	return m
}

func (m *mailServer) note(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, line)
}

func (m *mailServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	if m.implicit {
		c = tls.Server(c, m.conf)
	}
	text := textproto.NewConn(c)
	say := func(lines ...string) { _ = text.PrintfLine("%s", strings.Join(lines, "\r\n")) }
	if m.endless {
		for {
			if _, err := c.Write(bytes.Repeat([]byte("a"), 4096)); err != nil {
				return
			}
		}
	}
	if m.silent {
		_, _ = text.ReadLine() // until the client goes
		return
	}
	say("220 mail.test ready")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		if verb != "AUTH" {
			m.note(line)
		}
		switch verb {
		case "EHLO":
			lines := []string{"250-mail.test"}
			if _, encrypted := c.(*tls.Conn); m.starttls && !encrypted {
				lines = append(lines, "250-STARTTLS")
			}
			if m.auth != "" {
				lines = append(lines, "250-AUTH "+m.auth)
			}
			say(append(lines, "250 8BITMIME")...)
		case "STARTTLS":
			say("220 go on")
			c = tls.Server(c, m.conf)
			text = textproto.NewConn(c)
		case "AUTH":
			m.login(text, rest)
		case "DATA":
			say("354 go on")
			body, err := io.ReadAll(text.DotReader())
			if err != nil {
				return
			}
			if m.reply != "" {
				say(m.reply)
				continue
			}
			m.mu.Lock()
			m.mails = append(m.mails, string(body))
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (m *mailServer) login(text *textproto.Conn, rest string) {
	decode := func(s string) string { b, _ := base64.StdEncoding.DecodeString(s); return string(b) }
	mechanism, first, _ := strings.Cut(rest, " ")
	said := strings.ReplaceAll(decode(first), "\x00", "|")
	if mechanism == "LOGIN" {
		for _, question := range []string{"Username:", "Password:"} {
			_ = text.PrintfLine("334 %s", base64.StdEncoding.EncodeToString([]byte(question)))
			line, _ := text.ReadLine()
			said += "|" + decode(line)
		}
	}
	m.note("AUTH " + mechanism + " " + said)
	_ = text.PrintfLine("235 welcome")
}

func (m *mailServer) sink() *notify.MailSink {
	return &notify.MailSink{
		Address: m.listener.Addr().String(), From: "cloudpki@example.com", To: []string{"ops@example.com", "pki@example.com"},
		Roots: m.roots, Origin: alertOrigin, Implicit: m.implicit,
	}
}

// What is sent, over each way to TLS, and with each way to log in.
func TestMailSink(t *testing.T) {
	t.Parallel()
	tail := []string{"MAIL FROM:<cloudpki@example.com> BODY=8BITMIME", "RCPT TO:<ops@example.com>", "RCPT TO:<pki@example.com>", "DATA", "QUIT"}
	hello := "EHLO pki.example.com"
	for _, c := range []struct {
		name   string
		change func(*mailServer)
		login  bool
		want   []string
		fails  string
	}{
		{"STARTTLS", func(*mailServer) {}, false, append([]string{hello, "STARTTLS", hello}, tail...), ""},
		{"TLS from the start", func(m *mailServer) { m.implicit = true }, false, append([]string{hello}, tail...), ""},
		{"plain to loopback", func(m *mailServer) { m.starttls = false }, false, append([]string{hello}, tail...), ""},
		{"AUTH PLAIN", func(m *mailServer) { m.auth = "LOGIN PLAIN" }, true, append([]string{hello, "STARTTLS", hello, "AUTH PLAIN |ada|s3cret"}, tail...), ""},
		{"AUTH LOGIN", func(m *mailServer) { m.auth = "LOGIN" }, true, append([]string{hello, "STARTTLS", hello, "AUTH LOGIN |ada|s3cret"}, tail...), ""},
		{"no way to log in", func(*mailServer) {}, true, nil, "the mail server offers neither AUTH PLAIN nor AUTH LOGIN"},
		{"a stranger's certificate", func(m *mailServer) { m.roots = x509.NewCertPool() }, false, nil, "the mail server breaks off at STARTTLS: the TLS handshake failed, or the certificate is not trusted"},
		{"a refusal", func(m *mailServer) { m.reply = "550 s3cret words" }, false, nil, "the mail server answers the message with 550"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMailServer(t, c.change)
			sink := m.sink()
			if c.login {
				sink.Username, sink.Password = "ada", secret.NewString("s3cret")
			}
			err := sink.Deliver(t.Context(), anAlert())
			m.mu.Lock()
			defer m.mu.Unlock()
			if c.fails != "" {
				if err == nil || err.Error() != c.fails || len(m.mails) > 0 {
					t.Errorf("got %v and %d mails, want %q", err, len(m.mails), c.fails)
				}
				return
			}
			if err != nil || len(m.mails) != 1 {
				t.Fatalf("%v, %d mails", err, len(m.mails))
			}
			if d := cmp.Diff(c.want, m.log); d != "" {
				t.Error(d)
			}
		})
	}
}

// A mail server that talks or hangs without end holds nobody for long.
func TestMailServerMisbehaves(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, func(m *mailServer) { m.endless = true })
	if err := m.sink().Deliver(t.Context(), anAlert()); err == nil || err.Error() != "the mail server says too much" {
		t.Errorf("got %v", err)
	}
	m = newMailServer(t, func(m *mailServer) { m.silent = true })
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := m.sink().Deliver(ctx, anAlert()); err == nil || err.Error() != "no answer came in time" {
		t.Errorf("got %v", err)
	}
}

// Beyond this machine nothing is said in the open.
func TestMailNeedsTLS(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "mail.example.com": false, "10.0.0.1": false, "127.0.0.1.example.com": false} {
		if got := notify.MayBePlain(host); got != want {
			t.Errorf("%s may be plain: %t", host, got)
		}
	}
}

func readMail(t *testing.T, text string) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(body)
}

func TestMailMessage(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, func(*mailServer) {})
	for range 2 {
		if err := m.sink().Deliver(t.Context(), anAlert()); err != nil {
			t.Fatal(err)
		}
	}
	if m.mails[0] != m.mails[1] {
		t.Errorf("a repetition is another message:\n%s\n%s", m.mails[0], m.mails[1])
	}
	header, body := readMail(t, m.mails[0])
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || subject != "[cloudpki] Root CN=Gerät ends within 30 days - Device CA" {
		t.Errorf("subject %q, %v", subject, err)
	}
	if got := header.Get("Message-Id"); got != "<0198a@pki.example.com>" {
		t.Errorf("Message-ID %s", got)
	}
	if at, err := header.Date(); err != nil || !at.Equal(anAlert().At) {
		t.Errorf("date %v, %v", at, err)
	}
	for _, part := range []string{"The root ends.", "What to do: Renew it.", "Object: " + alertOrigin + "/beta/x\n", "Console: " + alertOrigin + "/console/subscriptions/s\n", alertOrigin + "/docs/notifications#alerts", "Device CA (s)"} {
		if !strings.Contains(body, part) {
			t.Errorf("the body lacks %q:\n%s", part, body)
		}
	}
}

// Names come from CAs and admins: none makes a field, a line of its own, or the
// message's end.
func TestMailInjection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\r\n\r\nbody", "a\r\n.\r\nMAIL FROM:<eve@example.com>",
		"a\u2028Bcc: eve@example.com", "=?utf-8?q?=0D=0ABcc:_eve?=", strings.Repeat("ä", 500), "\x00\x07", "a\rBcc: eve",
	} {
		m := newMailServer(t, func(*mailServer) {})
		a := anAlert()
		a.Title, a.Name = "Root "+name, name
		if err := m.sink().Deliver(t.Context(), a); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		header, _ := readMail(t, m.mails[0])
		if len(header) != 9 || len(m.mails) != 1 {
			t.Errorf("%q: %d fields, %d mails:\n%s", name, len(header), len(m.mails), m.mails[0])
		}
		for _, line := range m.log {
			if strings.Contains(line, "eve") {
				t.Errorf("%q: the server was told %q", name, line)
			}
		}
		for line := range strings.Lines(m.mails[0]) {
			if len(line) > 998 {
				t.Errorf("%q: a line of %d bytes", name, len(line))
			}
		}
	}
}

// An alert as a CloudEvent, signed.
func TestWebhookSink(t *testing.T) {
	t.Parallel()
	signer, err := notify.NewSigner(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	var header http.Header
	status := http.StatusAccepted
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	sender := notify.NewSender(new(net.Dialer).DialContext, roots)
	t.Cleanup(func() { _ = sender.Close() })
	sink := &notify.WebhookSink{Sender: sender, Signer: signer, URL: server.URL + "/hook", Origin: alertOrigin, Now: time.Now}
	if err := sink.Deliver(t.Context(), anAlert()); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"specversion": "1.0", "id": "0198a", "source": alertOrigin, "type": "cloudpki.rootExpiring", "subject": "/beta/x",
		"time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json",
		"data": map[string]any{
			"tenantId": "t", "subscriptionId": "s", "displayName": "Device CA", "certificateAuthorityId": "abcd", "expiryStage": "days30",
			"expirationDateTime": "2026-03-30T12:00:00Z", "severity": "warning", "title": "Root CN=Gerät ends within 30 days", "detail": "The root ends.",
			"action": "Renew it.", "link": alertOrigin + "/beta/x", "consoleUrl": alertOrigin + "/console/subscriptions/s", "helpUrl": alertOrigin + "/docs/notifications#alerts",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	public := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	signature, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(header.Get("webhook-signature"), "v1a,"))
	signed := header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "." + string(body)
	if !ed25519.Verify(public, []byte(signed), signature) || header.Get("webhook-id") != "0198a" {
		t.Errorf("the signature is not valid: %v", header)
	}
	if !strings.HasPrefix(header.Get("Content-Type"), "application/cloudevents+json") {
		t.Errorf("Content-Type %s", header.Get("Content-Type"))
	}
	status = http.StatusServiceUnavailable
	if err := sink.Deliver(t.Context(), anAlert()); err == nil || err.Error() != "the receiver answers HTTP 503" {
		t.Errorf("got %v", err)
	}
}

// queueAlerts puts n alerts into the outbox of a real store, for each sink.
func (w *world) queueAlerts(n int, sinks ...string) {
	w.t.Helper()
	sub := pki.Subscription{Tenant: tenantA, ID: "watched", Key: 1, Provider: "symantec", LastSync: odata.Never(), NextSync: odata.Never()}
	err := w.store.CreateSubscription(w.t.Context(), sub, pki.Effects{}, nil)
	if err == nil {
		err = w.store.JudgeAlerts(w.t.Context(), tenantA, sub.ID, sinks, func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error) {
			return pki.AlertVerdict{Alerts: slices.Repeat([]pki.Alert{*anAlert()}, n)}, nil
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// queuedAlerts counts what waits for a sink.
func (w *world) queuedAlerts(sink string) (n int) {
	w.t.Helper()
	for {
		later := odata.FromTime(time.Now().AddDate(1, 0, 0))
		_, found, err := w.store.TakeAlert(w.t.Context(), sink, later, odata.FromTime(later.Time().Add(time.Hour)))
		if err != nil {
			w.t.Fatal(err)
		}
		if !found {
			return n
		}
		n++
	}
}

// A sinkFunc delivers by a function.
type sinkFunc struct {
	name    string
	deliver func(context.Context, *pki.Alert) error
}

func (s sinkFunc) Name() string                                    { return s.name }
func (s sinkFunc) Deliver(ctx context.Context, a *pki.Alert) error { return s.deliver(ctx, a) }

// A sink that hangs delays no other, and does not hold up the end.
func TestDeadSinkDelaysNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const number = 5
	w.queueAlerts(number, "dead", "alive")
	hanging, delivered := make(chan struct{}, 1), make(chan struct{}, number)
	alerter := notify.NewAlerter(notify.AlertOptions{
		Queue: w.store, Now: time.Now,
		Sinks: []notify.AlertSink{
			sinkFunc{"dead", func(ctx context.Context, _ *pki.Alert) error {
				hanging <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}},
			sinkFunc{"alive", func(context.Context, *pki.Alert) error { delivered <- struct{}{}; return nil }},
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- alerter.Run(ctx) }()
	<-hanging
	for range number {
		<-delivered
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if dead, alive := w.queuedAlerts("dead"), w.queuedAlerts("alive"); dead != number || alive != 0 {
		t.Errorf("%d wait for the dead sink, %d for the other", dead, alive)
	}
}

// What failed is repeated with the same id, and later each time.
func TestAlertIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.queueAlerts(1, "flaky")
	var mu sync.Mutex
	now, tries, outcomes := anAlert().At, []time.Time(nil), make(map[string]int)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(100 * time.Millisecond); return now }
	done := make(chan struct{})
	alerter := notify.NewAlerter(notify.AlertOptions{
		Queue: w.store, Now: clock, Period: time.Millisecond,
		Observe: func(_, outcome string, n int) {
			mu.Lock()
			defer mu.Unlock()
			if outcomes[outcome] += n; outcome == notify.OutcomeDelivered {
				close(done)
			}
		},
		Sinks: []notify.AlertSink{sinkFunc{"flaky", func(_ context.Context, a *pki.Alert) error {
			mu.Lock()
			defer mu.Unlock()
			if tries = append(tries, now); len(tries) < 4 {
				return errors.New("not now")
			}
			return nil
		}}},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- alerter.Run(ctx) }()
	<-done
	stop()
	<-ended
	if d := cmp.Diff(map[string]int{notify.OutcomeFailed: 3, notify.OutcomeDelivered: 1}, outcomes); d != "" {
		t.Error(d)
	}
	for i := 1; i < len(tries); i++ { // 1 s, 2 s, 4 s, a fifth less at most
		if gap := tries[i].Sub(tries[i-1]); gap < 800*time.Millisecond<<(i-1) {
			t.Errorf("try %d came after %v", i+1, gap)
		}
	}
}

// What has failed for 4 hours is given up; what comes later is delivered.
func TestAlertIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.queueAlerts(2, "down")
	var mu sync.Mutex
	now, outcomes := anAlert().At.Add(4*time.Hour+time.Minute), make(map[string]int)
	dropped := make(chan struct{})
	alerter := notify.NewAlerter(notify.AlertOptions{
		Queue: w.store, Period: time.Millisecond,
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		Observe: func(_, outcome string, n int) {
			mu.Lock()
			defer mu.Unlock()
			if outcomes[outcome] += n; outcomes[notify.OutcomeDropped] == 2 {
				close(dropped)
			}
		},
		Sinks: []notify.AlertSink{sinkFunc{"down", func(context.Context, *pki.Alert) error { return errors.New("down") }}},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- alerter.Run(ctx) }()
	<-dropped
	stop()
	<-ended
	if outcomes[notify.OutcomeFailed] != 2 {
		t.Errorf("each is tried once, however old: %v", outcomes)
	}
}

// What waits for a sink that was taken out of the configuration is given up a
// week later, and told.
func TestAlertsForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.queueAlerts(2, "gone")
	dropped, log := make(chan int, 1), new(bytes.Buffer)
	alerter := notify.NewAlerter(notify.AlertOptions{
		Queue: w.store, Now: func() time.Time { return anAlert().At.Add(7*24*time.Hour + time.Second) },
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Observe: func(sink, outcome string, n int) {
			if sink == "gone" && outcome == notify.OutcomeDropped {
				dropped <- n
			}
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- alerter.Run(ctx) }()
	n := <-dropped
	stop()
	if err := <-ended; err != nil || n != 2 || w.queuedAlerts("gone") != 0 {
		t.Errorf("%d given up: %v", n, err)
	}
	if !strings.Contains(log.String(), "sink=gone number=2") {
		t.Errorf("the log says %s", log)
	}
}
