/* tests/http/test_query.c - QueryDict: what the vectors don't show. */
#include "http/http.h"
#include "test.h"

DJ_TEST(the_last_value_is_the_value)
{
    dj_querydict *q;
    dj_expect_ok(dj_querydict_parse(c->scope, DJ_LIT("a=1&b=2&a=3&a"), 1000, &q));
    dj_expect_str(DJ_LIT(""), dj_querydict_get(q, DJ_LIT("a")));
    dj_expect_str(DJ_LIT("2"), dj_querydict_get(q, DJ_LIT("b")));
    assert_true(dj_str_is_none(dj_querydict_get(q, DJ_LIT("A"))));
    assert_null(dj_querydict_getlist(q, DJ_LIT("c")));
    assert_int_equal(dj_querydict_getlist(q, DJ_LIT("a"))->nvalues, 3);
}

DJ_TEST(an_absent_query_has_no_names)
{
    dj_querydict *q;
    dj_expect_ok(dj_querydict_parse(c->scope, DJ_NONE, 0, &q));
    assert_int_equal(q->names.len, 0);
    dj_expect_str(DJ_LIT(""), dj_querydict_urlencode(c->scope, q, DJ_NONE));
}

DJ_TEST(fields_are_counted_before_anything_is_kept)
{
    dj_querydict *q = NULL;
    dj_buf        b = dj_buf_make(c->scope, 1 << 20);
    for (int i = 0; i < 1000; i++)
        dj_buf_addf(&b, "%sname%d=%d", i == 0 ? "" : "&", i, i);
    dj_expect_ok(dj_querydict_parse(c->scope, dj_buf_str(&b), 1000, &q));
    assert_int_equal(q->names.len, 1000);
    dj_expect_str(DJ_LIT("999"), dj_querydict_get(q, DJ_LIT("name999")));
    dj_expect_str(dj_buf_str(&b), dj_querydict_urlencode(c->scope, q, DJ_NONE));
    dj_buf_add_byte(&b, '&');
    q = NULL;
    dj_expect_err(DJ_ERR_TOO_MANY_FIELDS, dj_querydict_parse(c->scope, dj_buf_str(&b), 1000, &q));
    assert_null(q);
}

DJ_TESTS(DJ_T(the_last_value_is_the_value), DJ_T(an_absent_query_has_no_names),
         DJ_T(fields_are_counted_before_anything_is_kept))
