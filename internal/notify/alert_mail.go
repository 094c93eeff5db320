package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// SinkMail is the name of e-mail among the sinks of alerts.
const SinkMail = "smtp"

// submissions is the port that speaks TLS from the start (RFC 8314, 7.3).
const submissions = "465"

// A MailSink sends alerts by SMTP (RFC 5321), over TLS 1.2 or later: from the
// start on port 465, else by STARTTLS (RFC 3207). To loopback alone it also
// sends where the server has no STARTTLS. The server is the operator's choice
// and may lie in any network.
type MailSink struct {
	Address  string // host and port
	From     string
	To       []string
	Username string // "" for no login
	Password secret.Text
	Roots    *x509.CertPool // nil is the system's
	Origin   string         // of this service
	Implicit bool           // TLS from the start, whatever the port
}

// Name is part of AlertSink.
func (*MailSink) Name() string { return SinkMail }

// Deliver is part of AlertSink. The server's acceptance of the message for
// every receiver says that the alert was taken; it carries the same Message-ID
// each time.
func (s *MailSink) Deliver(ctx context.Context, a *pki.Alert) error {
	message, err := s.message(a)
	if err != nil {
		return &failure{text: "the message cannot be written", cause: err}
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return &failure{text: "the address of the mail server is not valid", cause: err}
	}
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return classified(ctx, host, err)
	}
	// Whatever the server does, it does not hold the worker beyond ctx.
	stop := context.AfterFunc(ctx, func() { _ = plain.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := net.Conn(&boundedConn{Conn: plain, left: maxMailAnswers})
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.Roots, ServerName: host}
	if s.Implicit || port == submissions {
		c = tls.Client(c, conf)
	}
	client, err := smtp.NewClient(c, host)
	if err != nil {
		_ = c.Close()
		return mailFailure(ctx, "greeting", err)
	}
	defer func() { _ = client.Close() }() // after Quit it is closed already
	return s.converse(ctx, client, conf, message)
}

// converse goes through the commands.
func (s *MailSink) converse(ctx context.Context, client *smtp.Client, conf *tls.Config, message []byte) error {
	if err := client.Hello(helloName(s.Origin)); err != nil {
		return mailFailure(ctx, "EHLO", err)
	}
	if err := s.secure(ctx, client, conf); err != nil {
		return err
	}
	if err := s.login(ctx, client); err != nil {
		return err
	}
	if err := client.Mail(s.From); err != nil {
		return mailFailure(ctx, "MAIL FROM", err)
	}
	for _, to := range s.To {
		if err := client.Rcpt(to); err != nil {
			return mailFailure(ctx, "RCPT TO", err)
		}
	}
	w, err := client.Data()
	if err != nil {
		return mailFailure(ctx, "DATA", err)
	}
	if _, err := w.Write(message); err != nil {
		return mailFailure(ctx, "the message", err)
	}
	if err := w.Close(); err != nil {
		return mailFailure(ctx, "the message", err)
	}
	_ = client.Quit() // the server has the message
	return nil
}

// secure sees to it that nothing is said in the open beyond this machine.
func (s *MailSink) secure(ctx context.Context, client *smtp.Client, conf *tls.Config) error {
	if _, encrypted := client.TLSConnectionState(); encrypted {
		return nil
	}
	if offered, _ := client.Extension("STARTTLS"); offered {
		if err := client.StartTLS(conf); err != nil {
			return mailFailure(ctx, "STARTTLS", err)
		}
		return nil
	}
	if !isLoopback(conf.ServerName) {
		return &failure{text: "the mail server offers no STARTTLS, and nothing is sent in the open"}
	}
	return nil
}

func (s *MailSink) login(ctx context.Context, client *smtp.Client) error {
	if s.Username == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	host, _, _ := net.SplitHostPort(s.Address)
	mechanisms := strings.Fields(strings.ToUpper(offered))
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", s.Username, string(s.Password.Reveal()), host)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = &loginAuth{username: s.Username, password: s.Password}
	default:
		return &failure{text: "the mail server offers neither AUTH PLAIN nor AUTH LOGIN"}
	}
	if err := client.Auth(auth); err != nil {
		return mailFailure(ctx, "AUTH", err)
	}
	return nil
}

// loginAuth is the mechanism LOGIN (draft-murchison-sasl-login), which some
// servers offer alone.
type loginAuth struct {
	username string
	password secret.Text
	asked    int
}

var errLoginQuestions = errors.New("the server asks for more than name and password")

func (l *loginAuth) Start(server *smtp.ServerInfo) (proto string, toServer []byte, err error) {
	if !server.TLS && !isLoopback(server.Name) {
		return "", nil, errors.New("the connection is not encrypted")
	}
	return "LOGIN", nil, nil
}

func (l *loginAuth) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	l.asked++
	switch l.asked {
	case 1:
		return []byte(l.username), nil
	case 2:
		return l.password.Reveal(), nil
	}
	return nil, errLoginQuestions
}

// maxMailAnswers bounds all that a mail server says in one delivery, its TLS
// handshake with it.
const maxMailAnswers = 256 << 10

// A boundedConn reads so much and no more.
type boundedConn struct {
	net.Conn

	left int
}

var errTalkative = errors.New("the server says too much")

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// mailFailure names the step and the class of a fault, and of what the server
// says the number alone: its text may repeat what it was sent.
func mailFailure(ctx context.Context, step string, err error) *failure {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return &failure{text: fmt.Sprintf("the mail server answers %s with %d", step, reply.Code), cause: err}
	}
	switch {
	case errors.Is(err, errTalkative):
		return &failure{text: "the mail server says too much", cause: err}
	case ctx.Err() != nil:
		return &failure{text: timedOut, cause: err}
	}
	return &failure{text: "the mail server breaks off at " + step + ": " + classified(ctx, "", err).text, cause: err}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
