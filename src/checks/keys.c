/* src/checks/keys.c - how hard SECRET_KEY is to guess, and how old keys are kept.
 *
 * Must not know: where the key goes; it never enters a message. */
#include "checks/family.h"
#include "donjon/secret.h"

#define BITS_WANTED 256.0

/* -- an estimate of entropy from the outside: an upper bound from its alphabet, less what repeats
 * or spells words -- */

/* log2 to three digits, without libm. */
static double log2_of(int n)
{
    double x = n, result = 0, step = 0.5;
    for (; x >= 2; x /= 2)
        result += 1;
    for (int i = 0; i < 10; i++, step /= 2) {
        x *= x;
        if (x >= 2) {
            x /= 2;
            result += step;
        }
    }
    return result;
}

static double bits_a_byte(dj_str key)
{
    bool lower = false, upper = false, digit = false, hex_only = true, other = false;
    for (size_t i = 0; i < key.len; i++) {
        char ch = key.ptr[i];
        lower = lower || (ch >= 'a' && ch <= 'z');
        upper = upper || (ch >= 'A' && ch <= 'Z');
        digit = digit || dj_is_digit(ch);
        other = other || !(dj_is_alpha(ch) || dj_is_digit(ch));
        hex_only = hex_only && dj_hex_value(ch) >= 0;
    }
    if (hex_only && !(lower && upper))
        return 4.0;
    int pool = (lower ? 26 : 0) + (upper ? 26 : 0) + (digit ? 10 : 0) + (other ? 14 : 0);
    return pool == 0 ? 0 : log2_of(pool);
}

/* Length of the longest earlier occurrence of what begins at `at`. */
static size_t earlier(dj_str key, size_t at)
{
    size_t best = 0;
    for (size_t from = 0; from < at; from++) {
        size_t len = 0;
        while (at + len < key.len && key.ptr[from + len] == key.ptr[at + len])
            len++;
        best = len > best ? len : best;
    }
    return best;
}

/* abcd, 4321, zzzz: how many bytes go on with the same step of -1, 0 or 1. */
static size_t sequence(dj_str key, size_t at)
{
    if (at + 1 >= key.len)
        return 1;
    int    step = key.ptr[at + 1] - key.ptr[at];
    size_t len = 2;
    while (at + len < key.len && key.ptr[at + len] - key.ptr[at + len - 1] == step)
        len++;
    return step >= -1 && step <= 1 ? len : 1;
}

/* Words with separators between them, as a phrase or a placeholder has. */
static bool is_phrase(dj_str key)
{
    size_t in_words = 0, words = 0, run = 0;
    for (size_t i = 0; i <= key.len; i++) {
        bool letter = i < key.len && dj_is_alpha(key.ptr[i]);
        bool inner_upper =
            letter && run > 0 && key.ptr[i] >= 'A' && key.ptr[i] <= 'Z' && key.ptr[i - 1] >= 'a';
        if (letter && !inner_upper) {
            run++;
            continue;
        }
        if (run >= 3 && run <= 14)
            in_words += run + 1, words++;
        run = inner_upper ? 1 : 0;
    }
    return words >= 3 && in_words * 10 >= key.len * 8;
}

static double estimated_bits(dj_str key)
{
    if (key.len > 4096)
        key = dj_str_first(key, 4096);
    double each = bits_a_byte(key), bits = 0;
    if (is_phrase(key))
        each = 2.0; /* English has about two bits a letter */
    for (size_t i = 0; i < key.len;) {
        size_t repeat = earlier(key, i), run = sequence(key, i);
        size_t cheap = repeat > run ? repeat : run;
        if (cheap >= 3) {
            bits += each; /* where it stood and how long it is */
            i += cheap;
        } else {
            bits += each;
            i++;
        }
    }
    return bits;
}

static bool passes_django(dj_str key)
{
    return dj_utf8_len(key) >= 50 && !dj_str_starts(key, DJ_LIT("django-insecure-"));
}

static void entropy(dj_check_run *c)
{
    dj_str key = ck_text(dj_check_setting(c, "SECRET_KEY"));
    if (passes_django(key) && estimated_bits(key) < BITS_WANTED)
        ck_report(c, "donjon.W030", dj_check_origin(c, "SECRET_KEY"),
                  "Make SECRET_KEY with: manage secret-key.",
                  "SECRET_KEY is long, but easy to guess: it repeats, spells words, or uses few "
                  "different characters.");
}

static void fallbacks(dj_check_run *c)
{
    const dj_value *key = dj_check_setting(c, "SECRET_KEY"),
                   *old = dj_check_setting(c, "SECRET_KEY_FALLBACKS");
    if (ck_len(old) > 3)
        ck_report(
            c, "donjon.W031", dj_check_origin(c, "SECRET_KEY_FALLBACKS"),
            "Drop old keys from SECRET_KEY_FALLBACKS.",
            "SECRET_KEY_FALLBACKS holds more than 3 keys; each of them still opens the site.");
    for (size_t i = 0; i < ck_len(old); i++)
        if (ck_text(key).len > 0 && dj_equal_constant_time(ck_text(key), ck_text(ck_item(old, i))))
            ck_report(c, "donjon.W031", ck_at(c, "SECRET_KEY_FALLBACKS", ck_item(old, i)),
                      "Drop it from SECRET_KEY_FALLBACKS, and make a new SECRET_KEY if the old one "
                      "leaked.",
                      "SECRET_KEY_FALLBACKS[%zu] is SECRET_KEY itself.", i);
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W030", entropy},
    {"donjon security", true, "donjon.W031", fallbacks},
};
CHECK_FAMILY(keys, checks);
