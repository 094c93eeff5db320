package odata

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDateTimeOffset(t *testing.T) {
	for in, want := range map[string]string{ // want "" for what must come out as it went in
		"2017-01-01T00:00:35.1329464-08:00":      "",
		"2017-01-01T00:02:49.3205976-08:00":      "",
		"2017-01-01T00:00:35Z":                   "",
		"0001-01-01T00:00:00Z":                   "",
		"9999-12-31T23:59:59.9999999Z":           "",
		"2024-02-29T12:00:00.5+14:00":            "",
		"2024-02-29T12:00:00-14:00":              "",
		"1969-12-31T23:59:59.9999999+05:30":      "",
		"1900-03-01T00:00:00.0000001-00:01":      "",
		"2017-01-01t00:00:35z":                   "2017-01-01T00:00:35Z",
		"2017-01-01T00:00:35+00:00":              "2017-01-01T00:00:35Z",
		"2017-01-01T00:00:35-00:00":              "2017-01-01T00:00:35Z",
		"2017-01-01T00:00:35.100Z":               "2017-01-01T00:00:35.1Z",
		"2017-01-01T00:00:35.000000000000Z":      "2017-01-01T00:00:35Z",
		"2017-01-01T00:00:35.132946499999Z":      "2017-01-01T00:00:35.1329464Z",
		"1969-12-31T23:59:59.999999999999Z":      "1969-12-31T23:59:59.9999999Z",
		"0001-01-01T00:00:00.0000000-00:00":      "0001-01-01T00:00:00Z",
		"2000-02-29T00:00:00Z":                   "",
		"0001-01-01T14:00:00+14:00":              "",
		"9999-12-31T10:00:00-13:59":              "",
		"2017-01-01T00:00:35.132946400000-08:00": "2017-01-01T00:00:35.1329464-08:00",
	} {
		if want == "" {
			want = in
		}
		got, err := ParseDateTimeOffset(in)
		if err != nil {
			t.Errorf("ParseDateTimeOffset(%q): %v", in, err)
			continue
		}
		if got.String() != want {
			t.Errorf("ParseDateTimeOffset(%q) is written as %q, want %q", in, got, want)
		}
		if std, err := time.Parse(time.RFC3339, strings.ToUpper(in)); err == nil && !std.Truncate(100).Equal(got.Time()) {
			t.Errorf("ParseDateTimeOffset(%q) is %v, package time says %v", in, got.Time(), std)
		}
	}
}

func TestParseDateTimeOffsetRefuses(t *testing.T) {
	for _, in := range []string{
		"", "2017", "2017-01-01", "2017-01-01T00:00:35", "2017-01-01 00:00:35Z", "2017-1-01T00:00:35Z",
		"2017-01-01T00:00:60Z", "2016-12-31T23:59:60Z", "2017-01-01T24:00:00Z", "2017-01-01T00:60:00Z",
		"2017-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2017-04-31T00:00:00Z", "2017-00-01T00:00:00Z",
		"2017-13-01T00:00:00Z", "2017-01-00T00:00:00Z", "2017-01-32T00:00:00Z", "0000-01-01T00:00:00Z",
		"10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "+2017-01-01T00:00:00Z",
		"2017-01-01T00:00:35.Z", "2017-01-01T00:00:35.0000000000000Z", "2017-01-01T00:00:35,5Z", "2017-01-01T00:00:35.1-8:00",
		"2017-01-01T00:00:35+14:01", "2017-01-01T00:00:35-15:00", "2017-01-01T00:00:35+00:60", "2017-01-01T00:00:35+0800",
		"2017-01-01T00:00:35+08", "2017-01-01T00:00:35Zx", "2017-01-01T00:00:35Z ", " 2017-01-01T00:00:35Z", "2017-01-01T00:00Z",
		"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2017-01-01T00:00:35\u2212 08:00", "2017-01-01T00:00:3\u0665Z",
	} {
		if got, err := ParseDateTimeOffset(in); err == nil {
			t.Errorf("ParseDateTimeOffset(%q) = %v, want an error", in, got)
		}
	}
}

func TestFromTime(t *testing.T) {
	for _, c := range []struct {
		in   time.Time
		want string
	}{
		{time.Time{}, "0001-01-01T00:00:00Z"},
		{time.Unix(0, 0), "1970-01-01T00:00:00Z"},
		{time.Unix(-1, 999_999_999), "1969-12-31T23:59:59.9999999Z"},
		{time.Unix(-1, 50), "1969-12-31T23:59:59Z"},
		{time.Date(2017, 1, 1, 1, 0, 0, 199, time.FixedZone("", 3600)), "2017-01-01T00:00:00.0000001Z"},
		{time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01T00:00:00Z"},
		{time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), "9999-12-31T23:59:59.9999999Z"},
	} {
		if got := FromTime(c.in).String(); got != c.want {
			t.Errorf("FromTime(%v) = %s, want %s", c.in, got, c.want)
		}
	}
	for want, d := range map[string]DateTimeOffset{
		"0001-01-01T00:00:00Z":         {Ticks: neverTicks, Offset: -1},
		"9999-12-31T23:59:59.9999999Z": {Ticks: endTicks - 1, Offset: 1},
	} {
		if got := d.String(); got != want {
			t.Errorf("%+v is written as %s, want %s: its local year has no four digits", d, got, want)
		}
	}
	if !FromTime(time.Time{}).IsNever() || !Never().Time().IsZero() {
		t.Error("Never must be the zero time.Time")
	}
}

func TestDateTimeOffsetRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.Int16Range(-maxOffset, maxOffset).Draw(t, "offset")
		room := int64(maxOffset) * 60 * TicksPerSecond
		d := DateTimeOffset{Ticks: rapid.Int64Range(neverTicks+room, endTicks-1-room).Draw(t, "ticks"), Offset: offset}
		text := d.String()
		got, err := ParseDateTimeOffset(text)
		if err != nil || got != d {
			t.Fatalf("%+v is written as %s and read as %+v, %v", d, text, got, err)
		}
		if FromTime(d.Time()).Ticks != d.Ticks {
			t.Fatalf("%+v does not survive time.Time", d)
		}
		std, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !std.Equal(d.Time()) {
			t.Fatalf("package time reads %s as %v, %v", text, std, err)
		}
	})
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"PT1H30M":                    90 * time.Minute,
		"P1D":                        24 * time.Hour,
		"P1DT2H3M4.5S":               26*time.Hour + 3*time.Minute + 4500*time.Millisecond,
		"PT0S":                       0,
		"-PT0.000000001S":            -1,
		"PT0.5S":                     500 * time.Millisecond,
		"P106751D":                   106751 * 24 * time.Hour,
		"-P1DT1S":                    -(24*time.Hour + time.Second),
		"PT2562047H47M16.854775807S": 1<<63 - 1,
	} {
		got, err := ParseDuration(in)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", in, got, err, want)
		}
		again, err := ParseDuration(string(AppendDuration(nil, want)))
		if err != nil || again != want {
			t.Errorf("%v is written as %s and read as %v, %v", want, AppendDuration(nil, want), again, err)
		}
	}
	for in, want := range map[time.Duration]string{
		0: "PT0S", 90 * time.Minute: "PT1H30M", 24 * time.Hour: "P1D", -time.Second / 2: "-PT0.5S",
		25*time.Hour + time.Nanosecond: "P1DT1H0.000000001S", -1 << 63: "-P106751DT23H47M16.854775808S",
	} {
		if got := string(AppendDuration(nil, in)); got != want {
			t.Errorf("AppendDuration(%d) = %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{
		"", "P", "PT", "P1", "P1DT", "1D", "P1Y", "P1M", "P1W", "PT1H1H", "PT1M1H", "PT1.5H", "P1.5D", "PT1.S", "PT.5S", "PT-1S",
		"+PT1S", "PT1S ", "pt1s", "P1H", "P106752D", "PT9223372037S", "PT99999999999999999999S", "P106751DT24H", "PT1.0000000001S", "--PT1S", "P1D1D", "PTT1S",
	} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}
