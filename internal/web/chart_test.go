package web

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The soonest stands on top; bars end at two years.
func TestTimeline(t *testing.T) {
	got := newTimeline([]end{
		{What: "in a year", At: noon.Add(365 * day)},
		{What: "in twenty years", At: noon.Add(20 * 365 * day)},
		{What: "yesterday", At: noon.Add(-day)},
		{What: "in a week", At: noon.Add(7*day + time.Hour)},
	}, noon)
	type bar struct {
		What         string
		Days, Length int
		Class        string
	}
	var bars []bar
	for _, r := range got.Rows {
		bars = append(bars, bar{r.What, r.Days, r.Length, r.Class})
	}
	want := []bar{
		{"yesterday", -1, 2, "bad"}, {"in a week", 7, 3, "warn"}, {"in a year", 365, 160, "good"}, {"in twenty years", 7300, 320, "good"},
	}
	if diff := cmp.Diff(want, bars); diff != "" {
		t.Error(diff)
	}
	if many := newTimeline(make([]end, 25), noon); len(many.Rows) != 20 || many.More != 5 {
		t.Errorf("of 25 ends %d are shown, %d more", len(many.Rows), many.More)
	}
}

// Months stand above the bars: each of them, or each quarter of a long time.
func TestTicks(t *testing.T) {
	for span, want := range map[time.Duration][]tick{
		minTimeline: {{26, "Dec"}, {136, "2027"}, {247, "Feb"}},
		maxTimeline: {{16, "2027"}, {56, "Apr"}, {96, "Jul"}, {136, "Oct"}, {176, "2028"}, {216, "Apr"}, {256, "Jul"}, {296, "Oct"}},
	} {
		if diff := cmp.Diff(want, newTicks(noon, span)); diff != "" {
			t.Errorf("%v: %s", span, diff)
		}
	}
}

// Only syncs that have ended within the days count.
func TestSyncDays(t *testing.T) {
	run := func(ago time.Duration, status pki.RunStatus) pki.Run {
		return pki.Run{Status: status, Ended: odata.FromTime(noon.Add(-ago))}
	}
	dry, probe := run(0, pki.RunSucceeded), run(0, pki.RunFailed)
	dry.DryRun, probe.Trigger = true, pki.TriggerProbe
	got := newSyncDays([]pki.Run{
		run(0, pki.RunSucceeded), run(time.Hour, pki.RunSucceeded), run(0, pki.RunFailed), run(13*day, pki.RunFailed),
		run(14*day, pki.RunFailed), run(0, pki.RunCancelled), dry, probe,
		{Status: pki.RunRunning, Ended: odata.Never()},
	}, noon)
	first, last := got.Days[0], got.Days[13]
	if last.Good != 2 || last.Bad != 1 || last.GoodTall != 80 || last.BadTall != 40 || first.Bad != 1 || !got.Any {
		t.Errorf("first %+v, last %+v", first, last)
	}
	if newSyncDays(nil, noon).Any {
		t.Error("syncs out of nothing")
	}
}
