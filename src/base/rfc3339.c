#include <time.h>

#include "survey/rfc3339.h"

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar; why not timegm() is in docs/design.md. */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* The number in exactly n digits at s, or -1. */
static int
digits(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

int64_t
time_parse(const char *s, size_t len)
{
	static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y, mo, d, h, mi, sec, zh, zm;
	int64_t t;
	size_t at = 19;

	if (len < 20 || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
	    (s[10] != 'T' && s[10] != 't' && s[10] != ' '))
		return TIME_UNKNOWN;
	y = digits(s, 4);
	mo = digits(s + 5, 2);
	d = digits(s + 8, 2);
	h = digits(s + 11, 2);
	mi = digits(s + 14, 2);
	sec = digits(s + 17, 2);
	if (y < 0 || mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] || h < 0 || h > 23 ||
	    mi < 0 || mi > 59 || sec < 0 || sec > 60)
		return TIME_UNKNOWN;
	if (mo == 2 && d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0)))
		return TIME_UNKNOWN;
	t = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec;
	if (s[at] == '.') {
		for (at++; at < len && s[at] >= '0' && s[at] <= '9'; at++)
			;
	}
	if (len - at == 1 && (s[at] == 'Z' || s[at] == 'z'))
		return t;
	if (len - at != 6 || (s[at] != '+' && s[at] != '-') || s[at + 3] != ':')
		return TIME_UNKNOWN;
	zh = digits(s + at + 1, 2);
	zm = digits(s + at + 4, 2);
	if (zh < 0 || zh > 23 || zm < 0 || zm > 59)
		return TIME_UNKNOWN;
	return s[at] == '+' ? t - zh * 3600 - zm * 60 : t + zh * 3600 + zm * 60;
}

static void
put_digits(char *s, int v, int n)
{
	for (; n > 0; v /= 10)
		s[--n] = (char)('0' + v % 10);
}

const char *
time_format(int64_t t, char out[static TIME_SIZE])
{
	time_t time = (time_t)t;
	struct tm tm;

	/* Years 0 to 9999, which is what RFC 3339 can say. */
	if (t < -62167219200 || t > 253402300799 || gmtime_r(&time, &tm) == NULL) {
		out[0] = '\0';
		return out;
	}
	put_digits(out, tm.tm_year + 1900, 4);
	put_digits(out + 5, tm.tm_mon + 1, 2);
	put_digits(out + 8, tm.tm_mday, 2);
	put_digits(out + 11, tm.tm_hour, 2);
	put_digits(out + 14, tm.tm_min, 2);
	put_digits(out + 17, tm.tm_sec, 2);
	out[4] = out[7] = '-';
	out[10] = 'T';
	out[13] = out[16] = ':';
	out[19] = 'Z';
	out[20] = '\0';
	return out;
}
