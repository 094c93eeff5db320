package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/odata"
)

// policy lets a page load the console's style sheet and its script, ask and
// send its forms here, and nothing else (CSP Level 3). No text becomes code,
// and no element has a style of its own.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pages are the templates, each with the layout around it.
type pages struct {
	byName map[string]*template.Template
}

func newPages() (pages, error) {
	p := pages{byName: make(map[string]*template.Template)}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return pages{}, fmt.Errorf("list the pages: %w", err)
	}
	for _, name := range names {
		t, err := template.New("layout.html").Funcs(functions()).ParseFS(templates, "templates/layout.html", name)
		if err != nil {
			return pages{}, fmt.Errorf("parse %s: %w", name, err)
		}
		p.byName[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return p, nil
}

// functions are what templates call.
func functions() template.FuncMap {
	return template.FuncMap{"date": showDate, "minute": showMinute, "machine": machineTime}
}

// showDate prints a day, showMinute a time to the minute: UTC, as the API and
// the logs have it. Never and the zero time are a dash.
func showDate(t any) string { return showTime(t, time.DateOnly) }

func showMinute(t any) string { return showTime(t, "2006-01-02 15:04 MST") }

// machineTime prints a time for the attribute datetime.
func machineTime(t any) string { return showTime(t, time.RFC3339) }

func showTime(v any, layout string) string {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case odata.DateTimeOffset:
		if !v.IsNever() {
			t = v.Time()
		}
	}
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format(layout)
}

// protect sets the headers that keep a page from being used by others.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// answer serves one request and turns an error into a page that says what is
// wrong and what to do.
func (s *Server) answer(v *visit, serve func(*visit) error) {
	h := v.w.Header()
	protect(h)
	h.Set("Cache-Control", "no-store")
	h.Set("Request-Id", v.id)
	err := serve(v)
	if err == nil {
		return
	}
	fault := faultOf(err)
	if fault.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(fault.wait))
	}
	if fault.status >= http.StatusInternalServerError {
		s.log.LogAttrs(v.r.Context(), slog.LevelError, "a page of the console fails",
			slog.String("request-id", v.id), slog.String("path", v.r.URL.Path), slog.Any("error", fault.Cause))
	}
	if err := s.write(v, fault.status, "error", fault.title, fault); err != nil {
		s.log.LogAttrs(v.r.Context(), slog.LevelError, "the page of an error fails", slog.String("request-id", v.id), slog.Any("error", err))
		v.w.WriteHeader(http.StatusInternalServerError)
	}
}

// show answers with a page.
func (s *Server) show(v *visit, name, title string, data any) error {
	return s.write(v, http.StatusOK, name, title, data)
}

// A view is what templates see.
type view struct {
	Title     string
	User      string // "" for nobody
	Tenant    string
	Form      string // token of the session's forms
	MayWrite  bool
	Theme     string // light, dark, or "" for that of the system
	RequestID string
	Now       time.Time
	Data      any
}

// write makes the page as a whole before the first byte is sent.
func (s *Server) write(v *visit, status int, name, title string, data any) error {
	p := v.session.Principal
	shown := view{
		Title: title, User: cmp.Or(p.Name, p.Subject), Tenant: string(p.Tenant), Form: v.session.Form, MayWrite: v.mayWrite(),
		Theme: themeOf(v.r), RequestID: v.id, Now: s.now(), Data: data,
	}
	var body bytes.Buffer
	if err := s.pages.byName[name].Execute(&body, shown); err != nil {
		return fmt.Errorf("write the page %s: %w", name, err)
	}
	return send(v, status, body.Bytes())
}

// writePart answers with one part of a page.
func (s *Server) writePart(v *visit, page, part string, data any) error {
	var body bytes.Buffer
	if err := s.pages.byName[page].ExecuteTemplate(&body, part, data); err != nil {
		return fmt.Errorf("write the part %s of the page %s: %w", part, page, err)
	}
	return send(v, http.StatusOK, body.Bytes())
}

func send(v *visit, status int, body []byte) error {
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // the browser has gone: nobody is left to tell
	return nil
}
