/* SPDX-License-Identifier: Apache-2.0 */
/* clock - see clock.h. Civil dates by days since 1970 (proleptic Gregorian). */
#include "gateway/base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_steady_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void clock_digits(char *p, unsigned n, int64_t value)
{
	while (n-- > 0) {
		p[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Years are counted from March, so that the leap day is the last one. */
static void clock_date(int64_t days, char *p)
{
	int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	clock_digits(p, 4, yoe + era * 400 + (month <= 2));
	clock_digits(p + 5, 2, month);
	clock_digits(p + 8, 2, doy - (153 * mp + 2) / 5 + 1);
}

void clock_format(int64_t ms, char text[static CLOCK_TEXT])
{
	int64_t s = ms / 1000, day = s % 86400;

	assert(ms >= 0 && ms <= CLOCK_MAX_MS + 999);
	memcpy(text, "0000-00-00T00:00:00Z", 21);
	clock_date(s / 86400, text);
	clock_digits(text + 11, 2, day / 3600);
	clock_digits(text + 14, 2, day / 60 % 60);
	clock_digits(text + 17, 2, day % 60);
}

void clock_format_ms(int64_t ms, char text[static CLOCK_TEXT])
{
	clock_format(ms, text);
	memcpy(text + 19, ".000Z", 6);
	clock_digits(text + 20, 3, ms % 1000);
}

static bool clock_number(const char **p, const char *end, unsigned n, int *out)
{
	*out = 0;
	for (; n > 0; n--, (*p)++) {
		if (*p >= end || **p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	return true;
}

static bool clock_one(const char **p, const char *end, const char *set)
{
	if (*p >= end || **p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static bool clock_fraction(const char **p, const char *end, int *ms_out)
{
	int scale = 100, n = 0;

	*ms_out = 0;
	if (!clock_one(p, end, "."))
		return true;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, n++) {
		*ms_out += (**p - '0') * scale;
		scale /= 10;
	}
	return n > 0;
}

static bool clock_offset(const char **p, const char *end, int *minutes_out)
{
	const char *sign = *p;
	int h, m;

	*minutes_out = 0;
	if (clock_one(p, end, "Zz"))
		return true;
	if (!clock_one(p, end, "+-") || !clock_number(p, end, 2, &h) ||
	    !clock_one(p, end, ":") || !clock_number(p, end, 2, &m) || h > 23 ||
	    m > 59)
		return false;
	*minutes_out = (*sign == '-' ? -1 : 1) * (h * 60 + m);
	return true;
}

static int clock_month_days(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return days[m - 1] + (m == 2 && leap);
}

static int64_t clock_days(int y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool clock_parse(const char *text, size_t len, int64_t *ms_out)
{
	const char *p = text, *end = text + len;
	int y, mo, d, h, mi, s, ms, off;
	int64_t t;

	if (!clock_number(&p, end, 4, &y) || !clock_one(&p, end, "-") ||
	    !clock_number(&p, end, 2, &mo) || !clock_one(&p, end, "-") ||
	    !clock_number(&p, end, 2, &d) || !clock_one(&p, end, "Tt ") ||
	    !clock_number(&p, end, 2, &h) || !clock_one(&p, end, ":") ||
	    !clock_number(&p, end, 2, &mi) || !clock_one(&p, end, ":") ||
	    !clock_number(&p, end, 2, &s) || !clock_fraction(&p, end, &ms) ||
	    !clock_offset(&p, end, &off) || p != end)
		return false;
	if (y < 1969 || mo < 1 || mo > 12 || d < 1 ||
	    d > clock_month_days(y, mo) || h > 23 || mi > 59 || s > 60)
		return false;
	t = clock_days(y, mo, d) * 86400 + h * 3600 + mi * 60 +
	    (s == 60 ? 59 : s) - (int64_t)off * 60;
	t = t * 1000 + ms;
	if (t < 0 || t > CLOCK_MAX_MS)
		return false;
	*ms_out = t;
	return true;
}
