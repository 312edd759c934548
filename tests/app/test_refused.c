/* tests/app/test_refused.c - a flood of refused requests is not a flood of records. */
#include "test.h"
#include "app/app.h"
#include "donjon/test.h"

DJ_TEST(a_second_has_so_many_records_and_none_is_forgotten)
{
    dj_record_gate gate = {0};
    uint64_t       left_out = 0, told = 0;
    size_t         written = 0;
    for (int i = 0; i < 100000; i++) { /* ten seconds, 10 a millisecond */
        if (dj_record_may(&gate, 5000 + i / 10, &left_out)) {
            written++;
            told += left_out;
        }
    }
    assert_int_equal(written, 10 * DJ_REFUSALS_A_SECOND);
    assert_true(dj_record_may(&gate, 60000, &left_out));
    assert_int_equal(written + told + left_out, 100000);
    assert_true(dj_record_may(&gate, 10, &left_out)); /* a clock that went back */
    assert_int_equal(left_out, 0);
}

static const dj_app app = {0};

DJ_TEST(a_refused_request_has_its_record_until_there_are_too_many)
{
    dj_client *client;
    size_t     records = 0;
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = "DEBUG = False\n"}, &client));
    const dj_answer *a = dj_client_send_raw(client, DJ_LIT("GET / HTTP/1.1\n\n"), false);
    assert_int_equal(a->status, 400);
    assert_true(dj_answer_logged(a, "django.request", "Bad Request: bare-lf"));
    for (int i = 0; i < 2000; i++) {
        records += dj_client_send_raw(client, DJ_LIT("GET / HTTP/1.1\n\n"), false)->nrecords;
        dj_client_forget(client);
    }
    assert_true(records < 2000);
}

DJ_TESTS(DJ_T(a_second_has_so_many_records_and_none_is_forgotten),
         DJ_T(a_refused_request_has_its_record_until_there_are_too_many))
