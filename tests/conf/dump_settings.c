/* tests/conf/dump_settings.c - the values of settings files as JSON, for comparisons with Python.
 * For tests only.
 *
 * Reads paths from standard input, one a line; answers each with one line: {"values": {NAME: value,
 * ...}} in the form of tests/vectors/settings/README.md, or {"error": CODE, "line": N, "column": N,
 * "message": TEXT}. With --audit: audit mode, in which a value may be {"$unknown": LINE}, and
 * "lost": true says that any name may have been bound. */
#include "donjon/conf.h"
#include <math.h>
#include <stdio.h>

static void put_text(dj_str text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put(const dj_value *v);

static void put_items(const dj_value *v, const char *open, const char *close)
{
    fputs(open, stdout);
    for (size_t i = 0; i < v->seq.len; i++) {
        if (i > 0)
            putchar(',');
        put(v->seq.items[i]);
    }
    fputs(close, stdout);
}

static void put_dict(const dj_value *v)
{
    bool texts = true;
    for (size_t i = 0; i < v->dict.len; i++)
        texts = texts && v->dict.pairs[i].key->kind == DJ_V_STR;
    fputs(texts ? "{" : "{\"$dict\":[", stdout);
    for (size_t i = 0; i < v->dict.len; i++) {
        fputs(i > 0 ? "," : "", stdout);
        fputs(texts ? "" : "[", stdout);
        put(v->dict.pairs[i].key);
        putchar(texts ? ':' : ',');
        put(v->dict.pairs[i].value);
        fputs(texts ? "" : "]", stdout);
    }
    fputs(texts ? "}" : "]}", stdout);
}

static void put(const dj_value *v)
{
    switch (v->kind) {
    case DJ_V_UNKNOWN:
        printf("{\"$unknown\":%u}", v->origin.line);
        break;
    case DJ_V_NONE:
        fputs("null", stdout);
        break;
    case DJ_V_BOOL:
        fputs(v->boolean ? "true" : "false", stdout);
        break;
    case DJ_V_INT:
        printf("%lld", (long long)v->integer);
        break;
    case DJ_V_FLOAT: /* as Python's json writes and reads it */
        if (isnan(v->number))
            fputs("NaN", stdout);
        else if (isinf(v->number))
            fputs(v->number < 0 ? "-Infinity" : "Infinity", stdout);
        else
            printf("%.17e", v->number);
        break;
    case DJ_V_STR:
        put_text(v->str);
        break;
    case DJ_V_PATH:
        fputs("{\"$path\":", stdout);
        put_text(v->str);
        putchar('}');
        break;
    case DJ_V_LIST:
        put_items(v, "[", "]");
        break;
    case DJ_V_TUPLE:
        put_items(v, "{\"$tuple\":[", "]}");
        break;
    case DJ_V_SET:
        put_items(v, "{\"$set\":[", "]}");
        break;
    case DJ_V_DICT:
        put_dict(v);
        break;
    }
}

static void dump(dj_str path, dj_conf_mode mode)
{
    dj_scope *s = dj_scope_open((size_t)256 * 1024 * 1024);
    DJ_ASSERT(s != NULL);
    dj_conf_options options = {.mode = mode};
    dj_conf_error   error;
    dj_conf        *conf = NULL;
    if (dj_conf_read(s, path, &options, &conf, &error)) {
        fputs("{\"error\":", stdout);
        put_text(error.code);
        printf(",\"line\":%u,\"column\":%u,\"message\":", error.origin.line, error.origin.column);
        put_text(error.message);
        puts("}");
        dj_scope_close(s);
        return;
    }
    fputs("{\"values\":{", stdout);
    for (size_t i = 0; i < conf->names.len; i++) {
        fputs(i > 0 ? "," : "", stdout);
        put_text(conf->names.entries[i].key);
        putchar(':');
        put(conf->names.entries[i].value);
    }
    puts(conf->names_lost ? "},\"lost\":true}" : "}}");
    dj_scope_close(s);
}

int main(int argc, char **argv)
{
    dj_conf_mode mode =
        argc > 1 && strcmp(argv[1], "--audit") == 0 ? DJ_CONF_AUDIT : DJ_CONF_STRICT;
    char line[4096];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        dump(dj_str_of(line), mode);
        fflush(stdout);
    }
    return 0;
}
