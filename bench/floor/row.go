package main

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// bindRow binds the parameters of insertRow.
func bindRow(s *sqlite3.Stmt, sub *subscription, secrets [3][]byte) error {
	_, modifiedOffset := sub.LastModified.Zone()
	_, syncOffset := sub.LastSync.Zone()
	var userName *string
	if sub.Credentials != nil {
		userName = sub.Credentials.UserName
	}
	errs := []error{
		s.BindText(1, tenant),
		s.BindText(2, sub.ID),
		s.BindText(3, sub.Provider),
		s.BindInt64(4, ticks(sub.Created)),
		bindText(s, 5, sub.Description),
		s.BindInt64(6, ticks(sub.LastModified)),
		s.BindInt(7, modifiedOffset/60),
		bindText(s, 8, sub.DisplayName),
		s.BindText(9, sub.SyncStatus),
		bindText(s, 10, sub.LastSyncError),
		s.BindInt64(11, ticks(sub.LastSync)),
		s.BindInt(12, syncOffset/60),
		s.BindBool(13, sub.Credentials != nil),
		bindText(s, 14, userName),
		s.BindBlob(15, sub.TrustedRoot),
		s.BindInt(16, int(sub.Version)),
		bindBool(s, 17, sub.Paused),
	}
	for i, secret := range secrets {
		errs = append(errs, s.BindBlob(18+i, secret))
	}
	return errors.Join(errs...)
}

// readRow reads the columns of selectOne and selectPage.
func readRow(s *sqlite3.Stmt) subscription {
	sub := subscription{
		Type:          entityType,
		ID:            s.ColumnText(0),
		Provider:      s.ColumnText(1),
		Created:       date(s.ColumnInt64(2), 0),
		Description:   readText(s, 3),
		LastModified:  date(s.ColumnInt64(4), s.ColumnInt(5)),
		DisplayName:   readText(s, 6),
		SyncStatus:    s.ColumnText(7),
		LastSyncError: readText(s, 8),
		LastSync:      date(s.ColumnInt64(9), s.ColumnInt(10)),
		TrustedRoot:   s.ColumnBlob(13, nil),
		Version:       int32(s.ColumnInt(14)),
	}
	if s.ColumnBool(11) {
		sub.Credentials = &credentials{Type: credentialsType, UserName: readText(s, 12)}
	}
	if s.ColumnType(15) != sqlite3.NULL {
		paused := s.ColumnBool(15)
		sub.Paused = &paused
	}
	return sub
}

func bindText(s *sqlite3.Stmt, param int, text *string) error {
	if text == nil {
		return s.BindNull(param)
	}
	return s.BindText(param, *text)
}

func bindBool(s *sqlite3.Stmt, param int, flag *bool) error {
	if flag == nil {
		return s.BindNull(param)
	}
	return s.BindBool(param, *flag)
}

func readText(s *sqlite3.Stmt, column int) *string {
	if s.ColumnType(column) == sqlite3.NULL {
		return nil
	}
	text := s.ColumnText(column)
	return &text
}

func ticks(t time.Time) int64 { return t.UnixNano() / 100 }

func date(ticks int64, offset int) time.Time {
	t := time.Unix(0, ticks*100)
	if offset == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", offset*60))
}
