/* src/base/str.c - looking at bytes: comparing, searching, cutting, UTF-8. Allocates nothing. */
#include "donjon/str.h"

bool dj_str_eq_nocase(dj_str a, dj_str b)
{
    return a.len == b.len && dj_str_starts_nocase(a, b);
}

bool dj_str_starts_nocase(dj_str s, dj_str with)
{
    if (s.len < with.len)
        return false;
    for (size_t i = 0; i < with.len; i++) {
        if (dj_to_lower(s.ptr[i]) != dj_to_lower(with.ptr[i]))
            return false;
    }
    return true;
}

int dj_str_cmp(dj_str a, dj_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int    order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

size_t dj_str_chr(dj_str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return at == NULL ? DJ_NOT_FOUND : (size_t)(at - s.ptr);
}

size_t dj_str_rchr(dj_str s, char c)
{
    const char *at = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);
    return at == NULL ? DJ_NOT_FOUND : (size_t)(at - s.ptr);
}

size_t dj_str_find(dj_str s, dj_str part)
{
    if (part.len == 0)
        return 0;
    const char *at = s.len == 0 ? NULL : memmem(s.ptr, s.len, part.ptr, part.len);
    return at == NULL ? DJ_NOT_FOUND : (size_t)(at - s.ptr);
}

dj_str dj_str_trim(dj_str s)
{
    return dj_str_strip(s, DJ_LIT(" \t"));
}

dj_str dj_str_strip(dj_str s, dj_str set)
{
    while (s.len > 0 && dj_str_chr(set, s.ptr[0]) != DJ_NOT_FOUND) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && dj_str_chr(set, s.ptr[s.len - 1]) != DJ_NOT_FOUND)
        s.len--;
    return s;
}

bool dj_str_next(dj_str *rest, char sep, dj_str *piece)
{
    if (rest->ptr == NULL)
        return false;
    size_t at = dj_str_chr(*rest, sep);
    if (at == DJ_NOT_FOUND) {
        *piece = *rest;
        *rest = DJ_NONE;
    } else {
        *piece = dj_str_first(*rest, at);
        *rest = dj_str_from(*rest, at + 1);
    }
    return true;
}

bool dj_str_to_int(dj_str s, int64_t *out)
{
    bool     negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t n = 0;
    size_t   i = negative;
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (!dj_is_digit(s.ptr[i]))
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (n > (limit - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

int32_t dj_utf8_next(dj_str s, size_t *pos)
{
    size_t        at = *pos;
    unsigned char lead = (unsigned char)s.ptr[at];
    if (lead < 0x80) {
        *pos = at + 1;
        return lead;
    }
    /* Table 3-7 of the Unicode standard: how many follow, and what the first of them may be. */
    size_t        more = 0;
    unsigned char low = 0x80, high = 0xBF;
    uint32_t      cp = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        more = 1;
        cp = lead & 0x1Fu;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        more = 2;
        cp = lead & 0x0Fu;
        low = lead == 0xE0 ? 0xA0 : 0x80;
        high = lead == 0xED ? 0x9F : 0xBF;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        more = 3;
        cp = lead & 0x07u;
        low = lead == 0xF0 ? 0x90 : 0x80;
        high = lead == 0xF4 ? 0x8F : 0xBF;
    } else {
        *pos = at + 1;
        return -1;
    }
    for (size_t i = 1; i <= more; i++) {
        if (at + i >= s.len) {
            *pos = s.len;
            return -1;
        }
        unsigned char c = (unsigned char)s.ptr[at + i];
        if (c < low || c > high) {
            *pos = at + i;
            return -1;
        }
        cp = cp << 6 | (c & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    *pos = at + more + 1;
    return (int32_t)cp;
}

bool dj_utf8_valid(dj_str s)
{
    for (size_t pos = 0; pos < s.len;) {
        uint64_t eight;
        /* Most text is ASCII: eight bytes at a time. */
        while (s.len - pos >= sizeof eight) {
            memcpy(&eight, s.ptr + pos, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) != 0)
                break;
            pos += sizeof eight;
        }
        while (pos < s.len && (unsigned char)s.ptr[pos] < 0x80)
            pos++;
        if (pos < s.len && dj_utf8_next(s, &pos) < 0)
            return false;
    }
    return true;
}

size_t dj_utf8_len(dj_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

size_t dj_utf8_put(char out[4], uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}
