/* tests/base/test_json.c - the writer against Python's json.dumps, the reader against RFC 8259. */
#include "donjon/json.h"
#include "test.h"

static const dj_json_limits LIMITS = {.bytes = 65536, .depth = 1000, .nodes = 10000};

DJ_TEST(writes_commas_and_colons_by_itself)
{
    dj_buf  out = dj_buf_make(c->scope, 4096);
    dj_json j = dj_json_make(&out);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("a"), DJ_LIT("x"));
    dj_json_key(&j, DJ_LIT("b"));
    dj_json_open(&j, '[');
    dj_json_int(&j, -1);
    dj_json_null(&j);
    dj_json_open(&j, '[');
    dj_json_close(&j, ']');
    dj_json_bool(&j, true);
    dj_json_close(&j, ']');
    dj_json_add_bool(&j, DJ_LIT("c"), false);
    dj_json_add_int(&j, DJ_LIT("d"), INT64_MIN);
    dj_json_close(&j, '}');
    dj_expect_str(
        DJ_LIT("{\"a\":\"x\",\"b\":[-1,null,[],true],\"c\":false,\"d\":-9223372036854775808}"),
        dj_buf_str(&out));
}

/* Python: json.dumps(text), with the replacements of django.utils.html._json_script_escapes. */
DJ_TEST(escapes_as_python_and_for_script_elements)
{
    dj_buf  out = dj_buf_make(c->scope, 4096);
    dj_json j = dj_json_make(&out);
    dj_json_str(&j, DJ_LIT("\"\\/\n\r\t\f\b\x01\x7f</script>&\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80"
                           "\xFF"));
    dj_expect_str(
        DJ_LIT("\"\\\"\\\\/\\n\\r\\t\\f\\b\\u0001\\u007f\\u003C/script\\u003E\\u0026\\u00e9"
               "\\u2028\\ud83d\\ude00\\ufffd\""),
        dj_buf_str(&out));
}

DJ_TEST(reads_what_it_wrote)
{
    const dj_json_value *v;
    dj_str               text = DJ_LIT(
                      " {\"a\" : [1, -2.5e1, \"\\u00e9\\ud83d\\ude00\\n\", true, null, {}, []],\n\"a\":7} ");
    dj_expect_ok(dj_json_parse(c->scope, text, &LIMITS, &v));
    assert_int_equal(v->kind, DJ_JSON_OBJECT);
    assert_int_equal(v->object.len, 2);
    assert_int_equal(dj_json_get(v, DJ_LIT("a"))->integer, 7);
    const dj_json_value *list = v->object.members[0].value;
    assert_int_equal(list->array.len, 7);
    assert_int_equal(list->array.items[0].integer, 1);
    assert_true(list->array.items[1].number == -25.0);
    dj_expect_str(DJ_LIT("\xC3\xA9\xF0\x9F\x98\x80\n"), list->array.items[2].text);
    assert_true(list->array.items[3].boolean);
    assert_int_equal(list->array.items[5].kind, DJ_JSON_OBJECT);
    assert_int_equal(list->array.items[6].array.len, 0);
    assert_true(dj_str_is_none(dj_json_get_str(v, DJ_LIT("a"))));
}

DJ_TEST(an_integer_too_large_for_64_bits_is_a_float)
{
    const dj_json_value *v;
    dj_expect_ok(dj_json_parse(c->scope, DJ_LIT("9223372036854775807"), &LIMITS, &v));
    assert_int_equal(v->kind, DJ_JSON_INT);
    dj_expect_ok(dj_json_parse(c->scope, DJ_LIT("9223372036854775808"), &LIMITS, &v));
    assert_int_equal(v->kind, DJ_JSON_FLOAT);
}

DJ_TEST(refuses_what_rfc_8259_does_not_allow)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "'a'",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1e999",
        "NaN",
        "Infinity",
        "nul",
        "truex",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "1 2",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "]",
        "//a\n1",
        "\"\xFF\"",
        "\xEF\xBB\xBF\x31",
    };
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        const dj_json_value *v = NULL;
        if (dj_json_parse(c->scope, dj_str_of(bad[i]), &LIMITS, &v) != DJ_ERR_MALFORMED ||
            v != NULL)
            fail_msg("accepted: %s", bad[i]);
    }
}

static dj_str repeated(dj_scope *s, char c, size_t n)
{
    char *text = dj_alloc_raw(s, n);
    memset(text, c, n);
    return dj_str_n(text, n);
}

DJ_TEST(limits_hold_exactly)
{
    const dj_json_value *v;
    dj_json_limits       limits = {.bytes = 7, .depth = 2, .nodes = 3};
    dj_expect_ok(dj_json_parse(c->scope, DJ_LIT("[[1]]  "), &limits, &v));
    dj_expect_err(DJ_ERR_LIMIT, dj_json_parse(c->scope, DJ_LIT("[[1]]   "), &limits, &v));
    dj_expect_err(DJ_ERR_LIMIT, dj_json_parse(c->scope, DJ_LIT("[[[]]]"), &limits, &v));
    dj_expect_err(DJ_ERR_LIMIT, dj_json_parse(c->scope, DJ_LIT("[1,2,3]"), &limits, &v));
    /* A thousand deep is well, more is refused whatever the caller allows. */
    dj_json_limits deep = {.bytes = 10000, .depth = 5000, .nodes = 10000};
    dj_str         open = repeated(c->scope, '[', 1000), close = repeated(c->scope, ']', 1000);
    dj_expect_ok(dj_json_parse(c->scope, dj_str_cat(c->scope, open, close), &deep, &v));
    dj_expect_err(DJ_ERR_LIMIT, dj_json_parse(c->scope, repeated(c->scope, '[', 1001), &deep, &v));
}

DJ_TESTS(DJ_T(writes_commas_and_colons_by_itself), DJ_T(escapes_as_python_and_for_script_elements),
         DJ_T(reads_what_it_wrote), DJ_T(an_integer_too_large_for_64_bits_is_a_float),
         DJ_T(refuses_what_rfc_8259_does_not_allow), DJ_T(limits_hold_exactly))
